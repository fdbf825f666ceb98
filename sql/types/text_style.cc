#include "sql/types/text_style.h"

namespace kyrodb::sql {
namespace {

thread_local const TextStyle* current_style = nullptr;

}  // namespace

const TextStyle& CurrentTextStyle() {
  static const TextStyle* const kDefault = new TextStyle;
  return current_style != nullptr ? *current_style : *kDefault;
}

ScopedTextStyle::ScopedTextStyle(const TextStyle* style) : outer_(current_style) {
  current_style = style;
}

ScopedTextStyle::~ScopedTextStyle() { current_style = outer_; }

}  // namespace kyrodb::sql
