// Goal:   errors travel upward unharmed: macros return them, `Annotate` adds context without losing
//         the code or the payloads, and a broken invariant ends the process with its place.
// Method: small functions that use each macro, called with good and bad statuses.
#include "engine/base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "absl/strings/cord.h"
#include "tests/base/status_is.h"

namespace kyrodb {
namespace {

TEST(StatusTest, AnnotateKeepsCodeAndPayloads) {
  absl::Status status = absl::NotFoundError("no such table");
  status.SetPayload("position", absl::Cord("17"));
  const absl::Status annotated = Annotate(status, "SELECT");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(annotated.message(), "SELECT: no such table");
  EXPECT_EQ(annotated.GetPayload("position"), absl::Cord("17"));
}

TEST(StatusTest, AnnotateLeavesOkAlone) { EXPECT_THAT(Annotate(absl::OkStatus(), "x"), IsOk()); }

absl::Status Pass(const absl::Status& status, bool* went_on) {
  KYRO_RETURN_IF_ERROR(status);
  *went_on = true;
  return absl::OkStatus();
}

TEST(StatusTest, ReturnIfErrorReturnsErrorsOnly) {
  bool went_on = false;
  EXPECT_THAT(Pass(absl::AbortedError("conflict"), &went_on),
              StatusIs(absl::StatusCode::kAborted, "conflict"));
  EXPECT_FALSE(went_on);
  EXPECT_THAT(Pass(absl::OkStatus(), &went_on), IsOk());
  EXPECT_TRUE(went_on);
}

// Takes a move-only value, then assigns to an existing variable.
absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a, const absl::StatusOr<int>& b) {
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  int second = 0;
  KYRO_ASSIGN_OR_RETURN(second, b);
  return *first + second;
}

TEST(StatusTest, AssignOrReturnTakesValuesAndReturnsErrors) {
  EXPECT_EQ(Sum(std::make_unique<int>(2), 3).value(), 5);
  EXPECT_THAT(Sum(absl::DataLossError("a"), 3), StatusIs(absl::StatusCode::kDataLoss, "a"));
  EXPECT_THAT(Sum(std::make_unique<int>(2), absl::InternalError("b")),
              StatusIs(absl::StatusCode::kInternal, "b"));
}

TEST(StatusDeathTest, BrokenInvariantEndsTheProcessAndNamesItself) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  KYRO_CHECK(1 + 1 == 2);
  EXPECT_DEATH(KYRO_CHECK(1 + 1 == 3), "status_test.cc:[0-9]+: broken invariant: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace kyrodb
