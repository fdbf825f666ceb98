// Goal:   what belongs to a session: COPY in all its forms, cursors, prepared statements by name,
//         notifications.
// Method: a server in this process, and sockets that send exactly the bytes they are told to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/pg_client.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;

std::string PgCopyData(absl::string_view bytes) { return PgFrame('d', bytes); }
std::string PgCopyDone() { return PgFrame('c', ""); }

class PgSessionTest : public PgTest {
 protected:
  void SetUp() override {
    Start();
    client_ = Connected();
    client_->Query("CREATE TABLE t (id bigint PRIMARY KEY, v text, d double precision DEFAULT 7)");
  }
  void TearDown() override {
    client_.reset();
    PgTest::TearDown();
  }
  // COPY with all of its data; returns the answer after CopyInResponse.
  std::string CopyIn(absl::string_view statement, absl::string_view data) {
    client_->Send(PgQuery(statement));
    const PgMessage response = client_->Receive();
    if (response.type != 'G') {
      return absl::StrCat(PgClient::Summary({response}), " ", client_->Answer());
    }
    client_->Send(absl::StrCat(PgCopyData(data), PgCopyDone()));
    return client_->Answer();
  }
  // The data of COPY TO, and what follows it.
  std::string CopyOut(absl::string_view statement) {
    client_->Send(PgQuery(statement));
    std::string data;
    for (const PgMessage& message : client_->ReceiveUntilReady()) {
      if (message.type == 'd') data += message.body;
      if (message.type == 'E') data += absl::StrCat("error ", message.Field('C'));
      if (message.type == 'C') absl::StrAppend(&data, "|", message.body.c_str());
    }
    return data;
  }
  std::unique_ptr<PgClient> client_;
};

TEST_F(PgSessionTest, TextComesInAndGoesOutTheSame) {
  const std::string data =
      "1\ta\\tb\\nc\\\\d\t1.5\n2\t\\N\t-0.25\n3\t\\101\\x42\t1e+20\n4\thäh\t\\N\n";
  EXPECT_EQ(CopyIn("COPY t FROM STDIN", data), "C(COPY 4) Z(I)");
  EXPECT_EQ(CopyOut("COPY t TO STDOUT"),
            "1\ta\\tb\\nc\\\\d\t1.5\n2\t\\N\t-0.25\n3\tAB\t1e+20\n4\thäh\t\\N\n|COPY 4");
  EXPECT_EQ(CopyOut("COPY (SELECT v, id FROM t WHERE id < 3 ORDER BY id DESC) TO STDOUT (DELIMITER "
                    "',', NULL 'nil', HEADER)"),
            "v,id\nnil,2\na\\tb\\nc\\\\d,1\n|COPY 2");
}

TEST_F(PgSessionTest, DataMayComeInAnyPieces) {
  const std::string data = "1\tone\t1\r\n2\ttwo\t2\r\n3\tth\\\nree\t3\n\\.\nignored\n";
  client_->Send(PgQuery("COPY t FROM STDIN"));
  EXPECT_EQ(client_->Receive().type, 'G');
  for (const char byte : data) client_->Send(PgCopyData(std::string(1, byte)));
  client_->Send(PgCopyDone());
  EXPECT_EQ(client_->Answer(), "C(COPY 3) Z(I)");
  EXPECT_EQ(client_->Query("SELECT v FROM t ORDER BY id"),
            "T D(one) D(two) D(th\nree) C(SELECT 3) Z(I)");
}

TEST_F(PgSessionTest, CsvKnowsQuotesHeadersAndNulls) {
  const std::string data = "v,id\n\"a,\"\"b\"\"\nc\",1\n,2\n\"\",3\nplain \"inner\" x,4\n";
  EXPECT_EQ(CopyIn("COPY t (v, id) FROM STDIN WITH (FORMAT csv, HEADER match)", data),
            "C(COPY 4) Z(I)");
  EXPECT_EQ(
      client_->Query("SELECT id, v IS NULL, v, d FROM t ORDER BY id"),
      "T D(1|f|a,\"b\"\nc|7) D(2|t|NULL|7) D(3|f||7) D(4|f|plain inner x|7) C(SELECT 4) Z(I)");
  EXPECT_EQ(CopyOut("COPY t (v, id) TO STDOUT CSV HEADER"),
            "v,id\n\"a,\"\"b\"\"\nc\",1\n,2\n\"\",3\nplain inner x,4\n|COPY 4");
  EXPECT_THAT(CopyIn("COPY t (v, id) FROM STDIN (FORMAT csv, HEADER match)", "id,v\n1,2\n"),
              HasSubstr("E(22P04)"));
}

TEST_F(PgSessionTest, BinaryComesInAndGoesOutTheSame) {
  client_->Query("INSERT INTO t VALUES (1, 'x', 0.5), (2, NULL, NULL)");
  const std::string data = CopyOut("COPY t TO STDOUT (FORMAT binary)");
  const std::string bytes = data.substr(0, data.rfind('|'));
  EXPECT_THAT(bytes, testing::StartsWith("PGCOPY\n"));
  client_->Query("DELETE FROM t");
  EXPECT_EQ(CopyIn("COPY t FROM STDIN (FORMAT binary)", bytes), "C(COPY 2) Z(I)");
  EXPECT_EQ(client_->Query("SELECT * FROM t ORDER BY id"),
            "T D(1|x|0.5) D(2|NULL|NULL) C(SELECT 2) Z(I)");
  for (size_t cut = 0; cut + 2 < bytes.size(); cut += 3) {
    EXPECT_THAT(CopyIn("COPY t FROM STDIN (FORMAT binary)", bytes.substr(0, cut)),
                testing::AnyOf(HasSubstr("E(22P0"), HasSubstr("E(23505)")))
        << cut;
  }
}

TEST_F(PgSessionTest, BadRowsAreNamedAndLeaveNothing) {
  client_->Send(PgQuery("COPY t FROM STDIN"));
  client_->Receive();
  client_->Send(absl::StrCat(PgCopyData("1\ta\t1\nx\tb\t2\n"), PgCopyDone()));
  const std::vector<PgMessage> messages = client_->ReceiveUntilReady();
  EXPECT_EQ(PgClient::Summary(messages), "E(22P02) Z(I)");
  EXPECT_EQ(messages[0].Field('W'), "COPY t, line 2, column id: \"x\"");
  EXPECT_THAT(CopyIn("COPY t FROM STDIN", "1\ta\n"), HasSubstr("E(22P04) Z(I)"));
  EXPECT_THAT(CopyIn("COPY t FROM STDIN", "1\ta\t1\tz\n"), HasSubstr("E(22P04) Z(I)"));
  EXPECT_THAT(CopyIn("COPY t FROM STDIN", "1\ta\t1\n1\tb\t1\n"), HasSubstr("E(23505) Z(I)"));
  EXPECT_EQ(client_->Query("SELECT count(*) FROM t"), "T D(0) C(SELECT 1) Z(I)");
}

TEST_F(PgSessionTest, AClientMayGiveUpItsCopy) {
  client_->Send(PgQuery("COPY t FROM STDIN"));
  client_->Receive();
  client_->Send(absl::StrCat(PgCopyData("1\ta\t1\n"), PgFrame('f', PgText("no more"))));
  const std::vector<PgMessage> messages = client_->ReceiveUntilReady();
  EXPECT_EQ(PgClient::Summary(messages), "E(57014) Z(I)");
  EXPECT_EQ(messages[0].Field('M'), "COPY from stdin failed: no more");
  // A cancel request reaches a client that sends nothing.
  client_->Send(PgQuery("COPY t FROM STDIN"));
  EXPECT_EQ(client_->Receive().type, 'G');
  {
    PgClient other(listener_->port());
    other.Send(absl::StrCat(PgInt(16, 4), PgInt(80877102, 4), PgInt(client_->process_id(), 4),
                            PgInt(client_->secret(), 4)));
    EXPECT_TRUE(other.IsClosed());
  }
  EXPECT_EQ(client_->Answer(), "E(57014) Z(I)");
  EXPECT_EQ(client_->Query("SELECT count(*) FROM t"), "T D(0) C(SELECT 1) Z(I)");
}

TEST_F(PgSessionTest, MistakesInCopyAreFoundBeforeTheClientSends) {
  for (const auto& [statement, sqlstate] : std::vector<std::pair<std::string, std::string>>{
           {"COPY nothing FROM STDIN", "42P01"},
           {"COPY t (id, nothing) FROM STDIN", "42703"},
           {"COPY t (id, id) FROM STDIN", "42701"},
           {"COPY t FROM STDIN (FORMAT csv, FORMAT text)", "42601"},
           {"COPY t FROM STDIN (FORMAT xml)", "22023"},
           {"COPY t FROM STDIN (FORMAT binary, NULL 'x')", "42601"},
           {"COPY t FROM STDIN (DELIMITER 'ab')", "0A000"},
           {"COPY t FROM '/etc/passwd'", "0A000"},
           {"COPY t FROM PROGRAM 'cat'", "0A000"},
           {"COPY t FROM STDIN WHERE nothing > 1", "42703"}}) {
    EXPECT_EQ(client_->Query(statement), absl::StrCat("E(", sqlstate, ") Z(I)")) << statement;
  }
}

TEST_F(PgSessionTest, CopyTakesOnlyRowsThatWhereWants) {
  EXPECT_EQ(CopyIn("COPY t FROM STDIN WHERE id > 1", "1\ta\t1\n2\tb\t2\n"), "C(COPY 1) Z(I)");
  EXPECT_EQ(client_->Query("SELECT id FROM t"), "T D(2) C(SELECT 1) Z(I)");
}

TEST_F(PgSessionTest, CursorsGoForwardAndScrollWhenAsked) {
  EXPECT_EQ(client_->Query("DECLARE c CURSOR FOR SELECT 1"), "E(25P01) Z(I)");
  client_->Query("BEGIN");
  EXPECT_EQ(client_->Query("DECLARE c CURSOR FOR SELECT * FROM generate_series(1, 5)"),
            "C(DECLARE CURSOR) Z(T)");
  EXPECT_EQ(client_->Query("FETCH c"), "T D(1) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH 2 FROM c"), "T D(2) D(3) C(FETCH 2) Z(T)");
  EXPECT_EQ(client_->Query("MOVE c"), "C(MOVE 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH ALL IN c"), "T D(5) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH c"), "T C(FETCH 0) Z(T)");
  EXPECT_EQ(client_->Query("CLOSE c"), "C(CLOSE CURSOR) Z(T)");
  EXPECT_EQ(client_->Query("FETCH c"), "E(34000) Z(E)");
  client_->Query("ROLLBACK");
  client_->Query("BEGIN");
  client_->Query("DECLARE s SCROLL CURSOR FOR SELECT * FROM generate_series(1, 5)");
  EXPECT_EQ(client_->Query("FETCH LAST FROM s"), "T D(5) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH PRIOR FROM s"), "T D(4) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH BACKWARD 2 FROM s"), "T D(3) D(2) C(FETCH 2) Z(T)");
  EXPECT_EQ(client_->Query("FETCH ABSOLUTE -2 FROM s"), "T D(4) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH RELATIVE 0 FROM s"), "T D(4) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH FORWARD ALL FROM s"), "T D(5) C(FETCH 1) Z(T)");
  EXPECT_EQ(client_->Query("FETCH BACKWARD ALL FROM s"),
            "T D(5) D(4) D(3) D(2) D(1) C(FETCH 5) Z(T)");
  EXPECT_EQ(client_->Query("FETCH FIRST FROM s"), "T D(1) C(FETCH 1) Z(T)");
}

TEST_F(PgSessionTest, ACursorShowsWhatItsQuerySawAndHoldOutlivesTheCommit) {
  client_->Query("INSERT INTO t SELECT * FROM generate_series(1, 3)");
  client_->Query("BEGIN");
  client_->Query("DECLARE c CURSOR FOR SELECT id FROM t");
  client_->Query("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM t");
  client_->Query("UPDATE t SET id = id + 10");
  EXPECT_EQ(client_->Query("FETCH 2 FROM c"), "T D(1) D(2) C(FETCH 2) Z(T)");
  client_->Query("COMMIT");
  EXPECT_EQ(client_->Query("FETCH c"), "E(34000) Z(I)");
  EXPECT_EQ(client_->Query("FETCH ALL FROM h"), "T D(1) D(2) D(3) C(FETCH 3) Z(I)");
  EXPECT_EQ(client_->Query("CLOSE ALL"), "C(CLOSE CURSOR ALL) Z(I)");
  EXPECT_EQ(client_->Query("FETCH h"), "E(34000) Z(I)");
  client_->Query("BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT 1");
  client_->Query("ROLLBACK");
  EXPECT_EQ(client_->Query("FETCH h"), "E(34000) Z(I)");
}

TEST_F(PgSessionTest, StatementsArePreparedByNameAndSharedWithTheProtocol) {
  EXPECT_EQ(client_->Query("PREPARE p (bigint, text) AS INSERT INTO t VALUES ($1, upper($2))"),
            "C(PREPARE) Z(I)");
  EXPECT_EQ(client_->Query("EXECUTE p (1 + 1, 'a')"), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(client_->Query("EXECUTE p (1)"), "E(42601) Z(I)");
  EXPECT_EQ(client_->Query("PREPARE p AS SELECT 1"), "E(42P05) Z(I)");
  client_->Send(absl::StrCat(PgBind("", "p", {"3", "b"}), PgExecute(""), PgSync()));
  EXPECT_EQ(client_->Answer(), "2 C(INSERT 0 1) Z(I)");
  EXPECT_EQ(client_->Query("SELECT id, v FROM t ORDER BY id"), "T D(2|A) D(3|B) C(SELECT 2) Z(I)");
  EXPECT_EQ(client_->Query("DEALLOCATE p"), "C(DEALLOCATE) Z(I)");
  EXPECT_EQ(client_->Query("EXECUTE p (1, 'x')"), "E(26000) Z(I)");
  client_->Send(absl::StrCat(PgParse("q", "SELECT $1::bigint * 2"), PgSync()));
  client_->Answer();
  EXPECT_EQ(client_->Query("EXECUTE q (21)"), "T D(42) C(SELECT 1) Z(I)");
  EXPECT_EQ(client_->Query("DISCARD ALL"), "C(DISCARD ALL) Z(I)");
  EXPECT_EQ(client_->Query("EXECUTE q (21)"), "E(26000) Z(I)");
}

TEST_F(PgSessionTest, NotificationsArriveWhenTheyAreCommitted) {
  auto listener = Connected();
  EXPECT_EQ(listener->Query("LISTEN news"), "C(LISTEN) Z(I)");
  client_->Query("BEGIN");
  client_->Query("NOTIFY news, 'one'");
  client_->Query("NOTIFY news, 'one'");
  client_->Query("NOTIFY other, 'x'");
  EXPECT_EQ(listener->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
  client_->Query("COMMIT");
  // It comes by itself.
  const PgMessage message = listener->Receive();
  EXPECT_EQ(message.type, 'A');
  EXPECT_EQ(message.Int(0, 4), client_->process_id());
  EXPECT_EQ(message.body.substr(4), PgText("news") + PgText("one"));
  client_->Query("BEGIN; NOTIFY news, 'never'");
  client_->Query("ROLLBACK");
  client_->Query("NOTIFY news");
  EXPECT_EQ(listener->Receive().body.substr(4), PgText("news") + PgText(""));
  // Within a transaction they wait for its end; one's own come too.
  listener->Query("BEGIN");
  client_->Query("NOTIFY news, 'late'");
  listener->Query("NOTIFY news, 'own'");
  EXPECT_EQ(listener->Query("COMMIT"), "C(COMMIT) A A Z(I)");
  EXPECT_EQ(listener->Query("UNLISTEN *"), "C(UNLISTEN) Z(I)");
  client_->Query("NOTIFY news, 'nobody'");
  EXPECT_EQ(listener->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
}

}  // namespace
}  // namespace kyrodb::server
