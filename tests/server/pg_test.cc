// Goal:   the PostgreSQL protocol message by message: start, simple and extended queries, formats,
//         errors, transactions, cancel, limits, and clients that send nonsense.
// Method: a server in this process, and sockets that send exactly the bytes they are told to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/server/pg_client.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(PgTest, AStartIsAnsweredWithParametersKeyAndReady) {
  Start();
  PgClient client(listener_->port());
  const std::vector<PgMessage> messages =
      client.Connect({{"user", "ann"}, {"application_name", "tests"}});
  EXPECT_EQ(messages.front().type, 'R');
  EXPECT_EQ(messages.front().Int(0, 4), 0U);
  std::string parameters;
  for (const PgMessage& message : messages) {
    if (message.type == 'S') {
      const std::string name = message.body.c_str();
      absl::StrAppend(&parameters, name, "=", message.body.c_str() + name.size() + 1, ";");
    }
  }
  EXPECT_THAT(parameters, HasSubstr("server_version=15."));
  EXPECT_THAT(parameters, HasSubstr("application_name=tests;"));
  EXPECT_THAT(parameters, HasSubstr("standard_conforming_strings=on;"));
  EXPECT_THAT(parameters, HasSubstr("session_authorization=ann;"));
  EXPECT_NE(client.process_id(), 0U);
  EXPECT_EQ(messages.back().body, "I");
  EXPECT_EQ(client.Query("SELECT current_user, current_database()"),
            "T D(ann|ann) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, EncryptionIsDeclinedWithoutACertificate) {
  Start();
  PgClient client(listener_->port());
  client.Send(absl::StrCat(PgInt(8, 4), PgInt(80877104, 4)));
  EXPECT_EQ(client.ReceiveBytes(1), "N");
  client.Send(absl::StrCat(PgInt(8, 4), PgInt(80877103, 4)));
  EXPECT_EQ(client.ReceiveBytes(1), "N");
  EXPECT_EQ(client.Connect().back().type, 'Z');
}

TEST_F(PgTest, BytesSentTogetherWithAnEncryptionRequestAreRefused) {
  Start();
  PgClient client(listener_->port());
  client.Send(absl::StrCat(PgInt(8, 4), PgInt(80877103, 4), PgStart({{"user", "kyro"}})));
  EXPECT_THAT(client.Receive().Field('M'), HasSubstr("unencrypted data"));
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(PgTest, BadStartsAreRefusedByName) {
  Start();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {PgStart({{"user", "kyro"}}, 2 << 16), "0A000"},
      {PgStart({{"database", "kyrodb"}}), "28000"},
      {PgStart({{"user", "kyro"}, {"no_such_setting", "1"}}), "42704"},
      {PgStart({{"user", "kyro"}, {"options", "-c statement_timeout=x"}}), "22023"},
      {absl::StrCat(PgInt(9, 4), PgInt(3 << 16, 4), "x"), "08P01"},
      {PgInt(0x7fffffff, 4), "08P01"},
      {PgInt(3, 4), "08P01"},
  };
  for (const auto& [start, sqlstate] : cases) {
    PgClient client(listener_->port());
    client.Send(start);
    const PgMessage message = client.Receive();
    // What came before the error may be the authentication.
    PgMessage error = message;
    while (error.type != 'E' && error.type != 0) error = client.Receive();
    EXPECT_EQ(error.Field('C'), sqlstate);
    EXPECT_EQ(error.Field('S'), "FATAL");
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST_F(PgTest, ANewerMinorVersionIsNegotiatedDown) {
  Start();
  PgClient client(listener_->port());
  client.Send(PgStart({{"user", "kyro"}, {"_pq_.wish", "1"}}, (3 << 16) + 2));
  const PgMessage message = client.Receive();
  EXPECT_EQ(message.type, 'v');
  EXPECT_EQ(message.Int(0, 4), uint32_t{3 << 16});
  EXPECT_EQ(message.Int(4, 4), 1U);
  EXPECT_EQ(client.ReceiveUntilReady().back().type, 'Z');
}

TEST_F(PgTest, StartOptionsAreWhatResetGoesBackTo) {
  Start();
  PgClient client(listener_->port());
  client.Connect({{"user", "kyro"}, {"options", "-c statement_timeout=7s --work_mem=1MB"}});
  EXPECT_EQ(client.Query("SHOW statement_timeout"), "T D(7s) C(SHOW) Z(I)");
  EXPECT_EQ(client.Query("SET statement_timeout = 0"), "C(SET) Z(I)");
  EXPECT_EQ(client.Query("RESET ALL"), "C(RESET) Z(I)");
  EXPECT_EQ(client.Query("SHOW statement_timeout"), "T D(7s) C(SHOW) Z(I)");
  EXPECT_EQ(client.Query("SHOW work_mem"), "T D(1MB) C(SHOW) Z(I)");
}

TEST_F(PgTest, ASimpleQueryReturnsRowsWithTypes) {
  Start();
  auto client = Connected();
  client->Send(PgQuery("SELECT 1 AS a, 'x'::text, NULL::boolean, '[1,2]'::vector(2)"));
  const std::vector<PgMessage> messages = client->ReceiveUntilReady();
  EXPECT_EQ(PgClient::Summary(messages), "T D(1|x|NULL|[1,2]) C(SELECT 1) Z(I)");
  const PgMessage& description = messages[0];
  EXPECT_EQ(description.Int(0, 2), 4U);
  EXPECT_STREQ(description.body.c_str() + 2, "a");
  EXPECT_EQ(description.Int(2 + 2 + 6, 4), 23U);  // the oid of integer
  EXPECT_EQ(description.Int(2 + 2 + 10, 2), 4U);  // its size
  // vector(2)'s modifier, before the format of the last column.
  EXPECT_EQ(description.Int(description.body.size() - 6, 4), 2U);
}

TEST_F(PgTest, NothingToRunIsAnEmptyQuery) {
  Start();
  auto client = Connected();
  EXPECT_EQ(client->Query(""), "I Z(I)");
  EXPECT_EQ(client->Query(" ; -- nothing"), "I Z(I)");
}

TEST_F(PgTest, ErrorsCarryStatePositionAndHint) {
  Start();
  auto client = Connected();
  client->Send(PgQuery("SELECT 1; SELECT nme FROM (SELECT 1 AS name) t"));
  const std::vector<PgMessage> messages = client->ReceiveUntilReady();
  EXPECT_EQ(PgClient::Summary(messages), "T D(1) C(SELECT 1) E(42703) Z(I)");
  const PgMessage& error = messages[3];
  EXPECT_EQ(error.Field('S'), "ERROR");
  EXPECT_EQ(error.Field('V'), "ERROR");
  EXPECT_EQ(error.Field('P'), "18");
  EXPECT_THAT(error.Field('M'), HasSubstr("\"nme\" does not exist"));
}

TEST_F(PgTest, StatementsOfOneMessageAreOneTransaction) {
  Start();
  auto client = Connected();
  client->Query("CREATE TABLE t (id bigint PRIMARY KEY)");
  EXPECT_EQ(client->Query("INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)"),
            "C(INSERT 0 1) E(23505) Z(I)");
  EXPECT_EQ(client->Query("SELECT count(*) FROM t"), "T D(0) C(SELECT 1) Z(I)");
  EXPECT_EQ(client->Query("BEGIN; INSERT INTO t VALUES (2)"), "C(BEGIN) C(INSERT 0 1) Z(T)");
  EXPECT_EQ(client->Query("SELECT 1/0"), "T E(22012) Z(E)");
  EXPECT_EQ(client->Query("SELECT 1"), "E(25P02) Z(E)");
  EXPECT_EQ(client->Query("COMMIT"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(client->Query("COMMIT"), "N(25P01) C(COMMIT) Z(I)");
}

TEST_F(PgTest, ParseBindDescribeExecuteInOneGo) {
  Start();
  auto client = Connected();
  client->Send(absl::StrCat(PgParse("s", "SELECT $1::bigint + 1, $2::text"), PgDescribe('S', "s"),
                            PgBind("", "s", {"41", "x"}), PgDescribe('P', ""), PgExecute(""),
                            PgSync()));
  const std::vector<PgMessage> messages = client->ReceiveUntilReady();
  EXPECT_EQ(PgClient::Summary(messages), "1 t T 2 T D(42|x) C(SELECT 1) Z(I)");
  EXPECT_EQ(messages[1].Int(0, 2), 2U);
  EXPECT_EQ(messages[1].Int(2, 4), 20U);
  EXPECT_EQ(messages[1].Int(6, 4), 25U);
  // Again without Parse; then it is closed.
  client->Send(absl::StrCat(PgBind("", "s", {"1", "y"}), PgExecute(""),
                            PgFrame('C', absl::StrCat("S", PgText("s"))), PgSync()));
  EXPECT_EQ(client->Answer(), "2 D(2|y) C(SELECT 1) 3 Z(I)");
  client->Send(absl::StrCat(PgBind("", "s", {"1", "y"}), PgSync()));
  EXPECT_EQ(client->Answer(), "E(26000) Z(I)");
}

TEST_F(PgTest, BinaryValuesGoBothWays) {
  Start();
  auto client = Connected();
  const auto echo = [&](absl::string_view type, const std::string& bytes) {
    client->Send(absl::StrCat(PgParse("", absl::StrCat("SELECT $1::", type)),
                              PgBind("", "", {bytes}, 1, 1), PgExecute(""), PgSync()));
    EXPECT_EQ(client->Receive().type, '1');
    EXPECT_EQ(client->Receive().type, '2');
    const PgMessage row = client->Receive();
    EXPECT_EQ(row.type, 'D') << type << row.Field('M');
    client->ReceiveUntilReady();
    return row.type == 'D' ? row.Values()[0] : "";
  };
  const std::vector<std::pair<std::string, std::string>> values = {
      {"boolean", PgInt(1, 1)},
      {"integer", PgInt(0xfffffffe, 4)},
      {"bigint", PgInt(0x80000000, 4) + PgInt(5, 4)},
      {"double precision", PgInt(0x3ff80000, 4) + PgInt(0, 4)},
      {"text", "häh"},
      {"bytea", std::string("\0\xff\1", 3)},
      {"timestamptz", PgInt(0, 4) + PgInt(1000000, 4)},
      {"jsonb", "\1{\"a\": 1}"},
      {"vector", PgInt(2, 2) + PgInt(0, 2) + PgInt(0x3f800000, 4) + PgInt(0xc0000000, 4)},
  };
  for (const auto& [type, bytes] : values) EXPECT_EQ(echo(type, bytes), bytes) << type;
  // Microseconds count from 2000.
  client->Send(absl::StrCat(PgParse("", "SELECT $1::timestamptz"),
                            PgBind("", "", {PgInt(0, 4) + PgInt(1000000, 4)}, 1, 0), PgExecute(""),
                            PgSync()));
  EXPECT_EQ(client->Answer(), "1 2 D(2000-01-01 00:00:01+00) C(SELECT 1) Z(I)");
  client->Send(absl::StrCat(PgParse("", "SELECT $1::bigint"), PgBind("", "", {"abc"}, 1),
                            PgExecute(""), PgSync()));
  EXPECT_EQ(client->Answer(), "1 E(22P03) Z(I)");
}

TEST_F(PgTest, APortalGivesItsRowsInParts) {
  Start();
  auto client = Connected();
  client->Send(absl::StrCat(PgParse("", "SELECT * FROM generate_series(1, 5)"), PgBind("p", ""),
                            PgExecute("p", 2), PgExecute("p", 2), PgExecute("p", 2),
                            PgExecute("p", 2), PgSync()));
  EXPECT_EQ(client->Answer(), "1 2 D(1) D(2) s D(3) D(4) s D(5) C(SELECT 1) C(SELECT 0) Z(I)");
  // The portal is gone with its transaction.
  client->Send(absl::StrCat(PgExecute("p", 2), PgSync()));
  EXPECT_EQ(client->Answer(), "E(34000) Z(I)");
  // Inside BEGIN it outlives Sync, and does not see what is written later.
  client->Query("CREATE TABLE t (id bigint PRIMARY KEY)");
  client->Query("INSERT INTO t SELECT * FROM generate_series(1, 3)");
  client->Query("BEGIN");
  client->Send(
      absl::StrCat(PgParse("", "SELECT id FROM t"), PgBind("p", ""), PgExecute("p", 1), PgSync()));
  EXPECT_EQ(client->Answer(), "1 2 D(1) s Z(T)");
  EXPECT_EQ(client->Query("DELETE FROM t; INSERT INTO t VALUES (9)"),
            "C(DELETE 3) C(INSERT 0 1) Z(T)");
  client->Send(absl::StrCat(PgExecute("p"), PgSync()));
  EXPECT_EQ(client->Answer(), "D(2) D(3) C(SELECT 2) Z(T)");
}

TEST_F(PgTest, RowsOfReturningComeInPartsToo) {
  Start();
  auto client = Connected();
  client->Query("CREATE TABLE t (id bigint PRIMARY KEY)");
  client->Send(absl::StrCat(PgParse("", "INSERT INTO t VALUES (1), (2), (3) RETURNING id"),
                            PgBind("", ""), PgExecute("", 2), PgExecute("", 2), PgSync()));
  EXPECT_EQ(client->Answer(), "1 2 D(1) D(2) s D(3) C(INSERT 0 3) Z(I)");
  EXPECT_EQ(client->Query("SELECT count(*) FROM t"), "T D(3) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, AfterAnErrorEverythingUpToSyncIsSkipped) {
  Start();
  auto client = Connected();
  client->Query("CREATE TABLE t (id bigint PRIMARY KEY)");
  // A pipeline without Sync between is one transaction.
  client->Send(absl::StrCat(PgParse("", "INSERT INTO t VALUES (1)"), PgBind("", ""), PgExecute(""),
                            PgParse("", "SELECT broken"), PgBind("", ""), PgExecute(""),
                            PgParse("", "INSERT INTO t VALUES (2)"), PgBind("", ""), PgExecute(""),
                            PgSync(), PgParse("", "SELECT count(*) FROM t"), PgBind("", ""),
                            PgExecute(""), PgSync()));
  EXPECT_EQ(client->Answer(), "1 2 C(INSERT 0 1) E(42703) Z(I)");
  EXPECT_EQ(client->Answer(), "1 2 D(0) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, FlushSendsWhatThereIs) {
  Start();
  auto client = Connected();
  client->Send(absl::StrCat(PgParse("", "SELECT 1"), PgFrame('H', "")));
  EXPECT_EQ(client->Receive().type, '1');
  client->Send(absl::StrCat(PgBind("", ""), PgExecute(""), PgFrame('H', "")));
  EXPECT_EQ(client->Receive().type, '2');
  EXPECT_EQ(client->Receive().type, 'D');
  EXPECT_EQ(client->Receive().type, 'C');
  client->Send(PgSync());
  EXPECT_EQ(client->Answer(), "Z(I)");
}

TEST_F(PgTest, WrongUsesOfTheExtendedProtocolAreNamed) {
  Start();
  auto client = Connected();
  const auto answer = [&](absl::string_view messages) {
    client->Send(absl::StrCat(messages, PgSync()));
    return client->Answer();
  };
  EXPECT_EQ(answer(PgParse("", "SELECT 1; SELECT 2")), "E(42601) Z(I)");
  EXPECT_EQ(answer(PgParse("a", "SELECT 1")), "1 Z(I)");
  EXPECT_EQ(answer(PgParse("a", "SELECT 1")), "E(42P05) Z(I)");
  EXPECT_EQ(answer(PgBind("", "a", {"1"})), "E(08P01) Z(I)");
  EXPECT_EQ(answer(PgBind("", "nobody")), "E(26000) Z(I)");
  EXPECT_EQ(answer(PgDescribe('P', "nobody")), "E(34000) Z(I)");
  EXPECT_EQ(answer(PgDescribe('x', "a")), "E(08P01) Z(I)");
  EXPECT_EQ(answer(PgFrame('B', "short")), "E(08P01) Z(I)");
  EXPECT_EQ(answer(PgBind("", "a", {}, 0, 7)), "E(22023) Z(I)");
  EXPECT_EQ(answer(PgParse("", "SELECT $1")), "1 Z(I)");  // text, as PostgreSQL has it
  EXPECT_EQ(answer(absl::StrCat(PgParse("", ""), PgBind("", ""), PgExecute(""))), "1 2 I Z(I)");
  EXPECT_EQ(client->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, ChangesOfReportedSettingsAreTold) {
  Start();
  auto client = Connected();
  EXPECT_EQ(client->Query("SET application_name = 'other'"), "C(SET) S Z(I)");
  EXPECT_EQ(client->Query("SET work_mem = '1MB'"), "C(SET) Z(I)");
  EXPECT_EQ(client->Query("BEGIN; SET application_name = 'third'"), "C(BEGIN) C(SET) S Z(T)");
  EXPECT_EQ(client->Query("ROLLBACK"), "C(ROLLBACK) S Z(I)");
}

TEST_F(PgTest, ACancelRequestEndsTheStatementOfThatBackendOnly) {
  Start();
  auto client = Connected();
  client->Send(PgQuery("SELECT count(*) FROM generate_series(1, 100000000000)"));
  // A wrong key first: nothing comes of it.
  const auto cancel = [&](uint32_t secret) {
    PgClient other(listener_->port());
    other.Send(absl::StrCat(PgInt(16, 4), PgInt(80877102, 4), PgInt(client->process_id(), 4),
                            PgInt(secret, 4)));
    EXPECT_TRUE(other.IsClosed());
  };
  cancel(client->secret() + 1);
  // The statement may not have begun yet: ask until it has ended.
  std::atomic<bool> answered{false};
  std::thread asking([&] {
    while (!answered.load()) cancel(client->secret());
  });
  const std::string answer = client->Answer();
  answered.store(true);
  asking.join();
  EXPECT_THAT(answer, HasSubstr("E(57014) Z(I)"));
  EXPECT_EQ(client->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, StatementsAndIdleClientsEndWhenTheirTimeIsUp) {
  Start();
  auto client = Connected();
  client->Query("SET statement_timeout = 30");
  EXPECT_THAT(client->Query("SELECT count(*) FROM generate_series(1, 100000000000)"),
              HasSubstr("E(57014) Z(I)"));
  client->Query("SET idle_in_transaction_session_timeout = 20");
  client->Query("BEGIN");
  PgMessage message = client->Receive();
  EXPECT_EQ(message.Field('C'), "25P03");
  EXPECT_EQ(message.Field('S'), "FATAL");
  EXPECT_TRUE(client->IsClosed());
  client = Connected();
  client->Query("SET idle_session_timeout = 20");
  EXPECT_EQ(client->Receive().Field('C'), "57P05");
}

TEST_F(PgTest, ConnectionsBeyondTheLimitAreRefusedUntilOneEnds) {
  PgOptions options;
  options.connections_max = 2;
  Start(options);
  auto first = Connected();
  auto second = Connected();
  {
    PgClient third(listener_->port());
    third.Send(PgStart({{"user", "kyro"}}));
    EXPECT_EQ(third.Receive().Field('C'), "53300");
    EXPECT_TRUE(third.IsClosed());
  }
  first->Send(PgFrame('X', ""));
  EXPECT_TRUE(first->IsClosed());
  for (;;) {  // the server needs a moment to see it
    PgClient again(listener_->port());
    again.Send(PgStart({{"user", "kyro"}}));
    if (again.Receive().type == 'R') break;
  }
}

TEST_F(PgTest, GarbageClosesItsConnectionAndNoOther) {
  Start();
  auto good = Connected();
  const std::vector<std::string> garbage = {
      std::string(100, '\xff'),
      "GET / HTTP/1.1\r\n\r\n",
      std::string(5000, '\0'),
      PgStart({{"user", "kyro"}}) + "\x01" + PgInt(4, 4),
      PgStart({{"user", "kyro"}}) + "Q" + PgInt(0x7fffffff, 4),
      PgStart({{"user", "kyro"}}) + "Q" + PgInt(2, 4),
      PgStart({{"user", "kyro"}}) + std::string(300, '\x51')};
  for (const std::string& bytes : garbage) {
    PgClient client(listener_->port());
    client.Send(bytes);
    client.EndOfSending();
    PgMessage message;
    do {
      message = client.Receive();
    } while (message.type != 0 && message.type != 'E');
    if (message.type == 'E') {
      EXPECT_EQ(message.Field('S'), "FATAL");
    }
    while (client.Receive().type != 0) {
    }
  }
  EXPECT_EQ(good->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, AnnouncedLengthsTakeNoMemoryAndRealOnesAreBounded) {
  PgOptions options;
  options.messages_bytes_max = 1 << 20;
  Start(options);
  // Each says that 60 MB come, and sends little: all of them together would need gigabytes.
  std::vector<std::unique_ptr<PgClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(Connected());
    clients.back()->Send(absl::StrCat("Q", PgInt(60 << 20, 4), "SELECT"));
  }
  auto good = Connected();
  EXPECT_EQ(good->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
  // One that really sends so much is told.
  PgClient& heavy = *clients[0];
  while (heavy.Send(std::string(256 << 10, 'x'))) {
  }
  PgMessage message = heavy.Receive();
  // The server closes with bytes unread, which may take its last message with it.
  if (message.type != 0) {
    EXPECT_EQ(message.Field('C'), "53200");
  }
  EXPECT_EQ(good->Query("SELECT 1"), "T D(1) C(SELECT 1) Z(I)");
}

TEST_F(PgTest, StopLetsStatementsFinishAndTellsIdleClients) {
  Start();
  auto idle = Connected();
  auto busy = Connected();
  busy->Query("BEGIN");
  listener_->Stop(absl::Seconds(10));
  EXPECT_EQ(idle->Receive().Field('C'), "57P01");
  EXPECT_TRUE(idle->IsClosed());
  EXPECT_EQ(busy->Receive().Field('C'), "57P01");
}

TEST_F(PgTest, StopCancelsWhatIsStillRunning) {
  Start();
  auto client = Connected();
  client->Send(PgQuery("SELECT count(*) FROM generate_series(1, 100000000000)"));
  listener_->Stop(absl::Milliseconds(20));
  // Cancelled or cut off; the server has ended, which is what counts.
  while (client->Receive().type != 0) {
  }
}

TEST_F(PgTest, ManyClientsCountWithoutLosingAnything) {
  Start();
  auto client = Connected();
  client->Query("CREATE TABLE c (id bigint PRIMARY KEY, n bigint)");
  client->Query("INSERT INTO c VALUES (1, 0)");
  constexpr int kClients = 8;
  constexpr int kRounds = 50;
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([this] {
      PgClient mine(listener_->port());
      mine.Connect();
      mine.Send(absl::StrCat(PgParse("up",
                                     "INSERT INTO c VALUES ($1, 1) ON CONFLICT (id) DO "
                                     "UPDATE SET n = c.n + EXCLUDED.n"),
                             PgSync()));
      mine.ReceiveUntilReady();
      for (int round = 0; round < kRounds; ++round) {
        mine.Send(absl::StrCat(PgBind("", "up", {"1"}), PgExecute(""), PgSync()));
        ASSERT_EQ(mine.Answer(), "2 C(INSERT 0 1) Z(I)");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client->Query("SELECT n FROM c"),
            absl::StrCat("T D(", kClients * kRounds, ") C(SELECT 1) Z(I)"));
}

}  // namespace
}  // namespace kyrodb::server
