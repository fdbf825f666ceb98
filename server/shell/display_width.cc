#include "server/shell/display_width.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace kyrodb::server {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Sorted. Blocks rather than single characters: a terminal's own table differs in the odd places.
constexpr Range kNoWidth[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489},  {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x06d6, 0x06dc}, {0x0900, 0x0902},  {0x093c, 0x093c}, {0x0941, 0x0948}, {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},  {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x2064},  {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},  {0x2e80, 0x303e}, {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},  {0xa960, 0xa97f}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t kCount>
bool Contains(const Range (&ranges)[kCount], uint32_t character) {
  const Range* found =
      std::lower_bound(std::begin(ranges), std::end(ranges), character,
                       [](const Range& range, uint32_t wanted) { return range.last < wanted; });
  return found != std::end(ranges) && found->first <= character;
}

// Decodes one character and moves past it; U+FFFD for a byte that is none.
uint32_t NextCharacter(absl::string_view* text) {
  const auto byte = static_cast<unsigned char>(text->front());
  const size_t length = byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  uint32_t character = length <= 1 ? byte : byte & (0x7fu >> length);
  bool good = length > 0 && length <= text->size() && byte < 0xf5;
  for (size_t i = 1; good && i < length; ++i) {
    const auto next = static_cast<unsigned char>((*text)[i]);
    good = (next & 0xc0) == 0x80;
    character = (character << 6) | (next & 0x3f);
  }
  text->remove_prefix(good ? length : 1);
  return good ? character : 0xfffd;
}

}  // namespace

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const uint32_t character = NextCharacter(&text);
    if (character < 0x300) {
      ++width;
    } else if (!Contains(kNoWidth, character)) {
      width += Contains(kWide, character) ? 2 : 1;
    }
  }
  return width;
}

std::string OneLine(absl::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const absl::string_view before = text;
    const uint32_t character = NextCharacter(&text);
    if (character == '\n') {
      line.append("↵");
    } else if (character == '\t') {
      line.push_back(' ');
    } else if (character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0xfffd) {
      line.append("\xef\xbf\xbd");
    } else {
      line.append(before.data(), before.size() - text.size());
    }
  }
  return line;
}

}  // namespace kyrodb::server
