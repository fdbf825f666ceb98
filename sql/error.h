// What an error looks like to the user: SQLSTATE, position, hint and detail carried by absl::Status
// as payloads, and the one table that maps codes to SQLSTATE, HTTP status, gRPC code and exit code.
//
// Source: PostgreSQL 15 documentation, appendix A ("PostgreSQL Error Codes") and section 55.8
// ("Error and Notice Message Fields").
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// Counts characters (code points, not bytes) of the statement text from 1, as PostgreSQL does.
// In a script of several statements it counts from the script's start. 0 means: no position.
using Position = int32_t;

// The SQLSTATEs that the code raises by name. Any other five characters may be passed as well.
namespace sqlstate {
inline constexpr absl::string_view kFeatureNotSupported = "0A000";
inline constexpr absl::string_view kStringDataRightTruncation = "22001";
inline constexpr absl::string_view kNumericValueOutOfRange = "22003";
inline constexpr absl::string_view kNullValueNotAllowed = "22004";
inline constexpr absl::string_view kInvalidDatetimeFormat = "22007";
inline constexpr absl::string_view kDatetimeFieldOverflow = "22008";
inline constexpr absl::string_view kDivisionByZero = "22012";
inline constexpr absl::string_view kInvalidEscapeSequence = "22025";
inline constexpr absl::string_view kCharacterNotInRepertoire = "22021";
inline constexpr absl::string_view kInvalidParameterValue = "22023";
inline constexpr absl::string_view kInvalidRowCountInLimitClause = "2201W";
inline constexpr absl::string_view kInvalidRowCountInOffsetClause = "2201X";
inline constexpr absl::string_view kDataException = "22000";
inline constexpr absl::string_view kInvalidTextRepresentation = "22P02";
inline constexpr absl::string_view kInvalidBinaryRepresentation = "22P03";
inline constexpr absl::string_view kNonstandardUseOfEscape = "22P06";
inline constexpr absl::string_view kIntegrityConstraintViolation = "23000";
inline constexpr absl::string_view kNotNullViolation = "23502";
inline constexpr absl::string_view kForeignKeyViolation = "23503";
inline constexpr absl::string_view kUniqueViolation = "23505";
inline constexpr absl::string_view kCheckViolation = "23514";
inline constexpr absl::string_view kActiveTransaction = "25001";
inline constexpr absl::string_view kReadOnlyTransaction = "25006";
inline constexpr absl::string_view kNoActiveTransaction = "25P01";
inline constexpr absl::string_view kInFailedTransaction = "25P02";
inline constexpr absl::string_view kDependentObjectsStillExist = "2BP01";
inline constexpr absl::string_view kInvalidSavepoint = "3B001";
inline constexpr absl::string_view kSerializationFailure = "40001";
inline constexpr absl::string_view kStatementCompletionUnknown = "40003";
inline constexpr absl::string_view kInsufficientPrivilege = "42501";
inline constexpr absl::string_view kSyntaxError = "42601";
inline constexpr absl::string_view kInvalidName = "42602";
inline constexpr absl::string_view kInvalidColumnDefinition = "42611";
inline constexpr absl::string_view kNameTooLong = "42622";
inline constexpr absl::string_view kDuplicateColumn = "42701";
inline constexpr absl::string_view kAmbiguousColumn = "42702";
inline constexpr absl::string_view kUndefinedColumn = "42703";
inline constexpr absl::string_view kUndefinedObject = "42704";
inline constexpr absl::string_view kDuplicateObject = "42710";
inline constexpr absl::string_view kDuplicateAlias = "42712";
inline constexpr absl::string_view kAmbiguousFunction = "42725";
inline constexpr absl::string_view kGroupingError = "42803";
inline constexpr absl::string_view kDatatypeMismatch = "42804";
inline constexpr absl::string_view kWrongObjectType = "42809";
inline constexpr absl::string_view kCannotCoerce = "42846";
inline constexpr absl::string_view kUndefinedFunction = "42883";
inline constexpr absl::string_view kGeneratedAlways = "428C9";
inline constexpr absl::string_view kUndefinedTable = "42P01";
inline constexpr absl::string_view kUndefinedParameter = "42P02";
inline constexpr absl::string_view kDuplicateTable = "42P07";
inline constexpr absl::string_view kInvalidColumnReference = "42P10";
inline constexpr absl::string_view kInvalidTableDefinition = "42P16";
inline constexpr absl::string_view kInvalidObjectDefinition = "42P17";
inline constexpr absl::string_view kIndeterminateDatatype = "42P18";
inline constexpr absl::string_view kWindowingError = "42P20";
inline constexpr absl::string_view kDiskFull = "53100";
inline constexpr absl::string_view kOutOfMemory = "53200";
inline constexpr absl::string_view kConfigurationLimitExceeded = "53400";
inline constexpr absl::string_view kInsufficientResources = "53000";
inline constexpr absl::string_view kProgramLimitExceeded = "54000";
inline constexpr absl::string_view kStatementTooComplex = "54001";
inline constexpr absl::string_view kTooManyColumns = "54011";
inline constexpr absl::string_view kObjectNotInPrerequisiteState = "55000";
inline constexpr absl::string_view kObjectInUse = "55006";
inline constexpr absl::string_view kLockNotAvailable = "55P03";
inline constexpr absl::string_view kQueryCanceled = "57014";
inline constexpr absl::string_view kCannotConnectNow = "57P03";
inline constexpr absl::string_view kIoError = "58030";
inline constexpr absl::string_view kInternalError = "XX000";
inline constexpr absl::string_view kDataCorrupted = "XX001";
}  // namespace sqlstate

// Returns a status that carries `sqlstate` (five characters, checked) and `position` (0: none);
// its absl code is the one that the table gives to that SQLSTATE.
absl::Status Error(absl::string_view sqlstate, Position position, absl::string_view message);

// Each returns `status` with one more payload, replacing an earlier one; OK stays OK.
absl::Status WithHint(absl::Status status, absl::string_view hint);
absl::Status WithDetail(absl::Status status, absl::string_view detail);
absl::Status WithSqlState(absl::Status status, absl::string_view sqlstate);
// What the error is about, for programs: the letters are those of PostgreSQL's messages.
enum class ErrorField : char {
  kSchema = 's',
  kTable = 't',
  kColumn = 'c',
  kDataType = 'd',
  kConstraint = 'n',
  kContext = 'W',  // where it happened: "COPY t, line 3"
};
absl::Status WithField(absl::Status status, ErrorField field, absl::string_view name);
// Sets the position only where the status has none, so that the innermost layer wins.
absl::Status WithPosition(absl::Status status, Position position);

// The SQLSTATE that the status carries, else the one that the table gives to its absl code;
// "00000" for OK.
std::string SqlStateOf(const absl::Status& status);
// 0 where the status has no position.
Position PositionOf(const absl::Status& status);
// Empty where the status has none.
std::string HintOf(const absl::Status& status);
std::string DetailOf(const absl::Status& status);
std::string FieldOf(const absl::Status& status, ErrorField field);

// 200 for OK; chosen by SQLSTATE, then by its class, then by absl code.
int HttpStatusOf(const absl::Status& status);
// gRPC's numbers are Abseil's; here so that the edge asks one place.
int GrpcCodeOf(const absl::Status& status);
// 0 OK, 1 the statement or its data is wrong, 2 try again or make room, 3 damaged data, 4 our bug.
int ExitCodeOf(const absl::Status& status);

// Returns what psql prints, ending in a newline:
//
//   ERROR:  column "nme" does not exist
//   LINE 1: SELECT nme FROM docs;
//                  ^
//   HINT:  perhaps you meant "name"
//
// The LINE part appears where the status has a position within `statement`. The caret counts
// terminal columns (wide characters take two, combining ones none); a long line is cut to about
// 60 columns around the position with "..." at each end that was cut.
std::string RenderError(const absl::Status& status, absl::string_view statement);

}  // namespace kyrodb::sql
