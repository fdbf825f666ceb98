// Goal:   every endpoint does what it says over a real socket; every kind of wrong request gets the
//         honest code and a problem document, and the server lives on.
// Method: a listener on a free loopback port, a client that sends exact bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/random.h"
#include "tests/server/test_host.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;

class HttpTest : public testing::Test {
 protected:
  void Start(HttpOptions options = {}) {
    host_ = OpenHostOrDie(folder_.path("db"));
    ASSERT_NE(host_, nullptr);
    options.port = 0;
    auto listener = StartHttpListener(host_.get(), options);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  void SetUp() override { Start(); }
  void TearDown() override {
    listener_.reset();
    if (host_ != nullptr) {
      EXPECT_TRUE(host_->Close().ok());
    }
  }
  int port() const { return listener_->port(); }
  Reply Call(absl::string_view method, absl::string_view target, absl::string_view body = "",
             absl::string_view type = "application/json") {
    return Client(port()).Call(method, target, body, type);
  }
  Reply Sql(absl::string_view sql) {
    std::string body = "{\"sql\":";
    AppendJsonString(&body, sql);
    return Call("POST", "/v1/sql", body + "}");
  }
  void MakeCollection() {
    const Reply reply = Call("POST", "/v1/collections", R"j({
      "name": "docs",
      "fields": [{"name": "id", "type": "bigint", "primary_key": true},
                 {"name": "title", "type": "text", "not_null": true},
                 {"name": "year", "type": "integer"}],
      "embed": {"field": "embedding", "from": "title", "dimensions": 256},
      "index": {"metric": "cosine"}})j");
    ASSERT_EQ(reply.status, 201) << reply.body;
  }
  // The server still answers.
  void ExpectAlive() { EXPECT_EQ(Sql("SELECT 1").status, 200); }

  TemporaryFolder folder_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(HttpTest, SqlReturnsTypedColumnsAndRows) {
  const Reply reply = Call("POST", "/v1/sql",
                           R"j({"sql": "SELECT $1::bigint + 1 AS n, $2 AS t, NULL AS nothing",
                               "params": [41, "it's"]})j");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.Member("rows"), R"j([[42,"it's",null]])j");
  EXPECT_THAT(reply.Member("columns"), HasSubstr(R"j({"name":"n","type":"bigint"})j"));
  EXPECT_EQ(reply.Member("row_count"), "1");
  EXPECT_EQ(reply.Member("tag"), R"j("SELECT 1")j");
}

TEST_F(HttpTest, RowsBeyondTheLimitAreLeftOutAndSaidSo) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY)").status, 200);
  // A statement that writes is carried out in full, however few rows are sent.
  const Reply reply = Call("POST", "/v1/sql",
                           R"j({"sql": "INSERT INTO t VALUES (1), (2), (3) RETURNING id",
                               "max_rows": 2})j");
  EXPECT_EQ(reply.Member("rows"), "[[1],[2]]") << reply.body;
  EXPECT_EQ(reply.Member("truncated"), "true");
  EXPECT_EQ(Sql("SELECT count(*) FROM t").Member("rows"), "[[3]]");
}

TEST_F(HttpTest, EveryTypeTravelsAsDocumented) {
  const Reply reply =
      Sql("SELECT true, 9007199254740993::bigint, 'NaN'::double precision, '\\x00ff'::bytea, "
          "'2026-11-20 10:00:00+00'::timestamptz, '{\"a\": [1, null]}'::jsonb, '[1,2.5]'::vector");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.body, HasSubstr(R"j([true,9007199254740993,"NaN","\\x00ff",)j"
                                    R"j("2026-11-20 10:00:00+00",{"a": [1, null]},[1,2.5]])j"));
}

TEST_F(HttpTest, WrongSqlGivesAProblemWithSqlstateAndPosition) {
  const Reply reply = Sql("SELECT nme FROM nowhere");
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.headers, HasSubstr("Content-Type: application/problem+json"));
  EXPECT_EQ(reply.Member("sqlstate"), R"j("42P01")j") << reply.body;
  EXPECT_EQ(reply.Member("position"), "17") << reply.body;
  EXPECT_EQ(reply.Member("status"), "404");
  EXPECT_EQ(reply.Member("retryable"), "false");
  EXPECT_EQ(reply.Member("instance"), R"j("/v1/sql")j");
}

TEST_F(HttpTest, EveryWrongBodyIsRefusedByName) {
  const struct {
    const char* body;
    int status;
    const char* detail;
  } kCases[] = {
      {"{", 400, "malformed JSON at byte 2"},
      {"{\"sql\": 1e400}", 400, "out of the range"},
      {"{\"sql\": NaN}", 400, "malformed JSON at byte 9"},
      {"{\"sql\": \"SELECT 1\"} x", 400, "more text follows"},
      {"{\"sql\": \"\xff\"}", 400, "malformed JSON"},
      {"{\"sql\": 1}", 400, "must be a string, got a number"},
      {"{}", 400, "must be a string, got none"},
      {"[]", 400, "must be a JSON object, got an array"},
      {"{\"sql\": \"SELECT 1\", \"sqll\": 2}", 400, "unknown member \\\"sqll\\\""},
      {"{\"sql\": \"SELECT 1\", \"sql\": \"SELECT 2\"}", 400, "appears twice"},
      {"{\"sql\": \"SELECT 1\", \"params\": {}}", 400, "must be an array"},
      {"{\"sql\": \"SELECT 1\", \"max_rows\": -1}", 400, "must be an integer from 0"},
      {"{\"sql\": \"SELECT $1::vector\", \"params\": [[1e39]]}", 400,
       "out of the range of a float"},
  };
  for (const auto& each : kCases) {
    const Reply reply = Call("POST", "/v1/sql", each.body);
    EXPECT_EQ(reply.status, each.status) << each.body;
    EXPECT_THAT(reply.body, HasSubstr(each.detail)) << each.body;
  }
  const Reply deep = Call("POST", "/v1/sql", std::string(100000, '['));
  EXPECT_EQ(deep.status, 400);
  EXPECT_THAT(deep.body, HasSubstr("at most 64 levels"));
}

TEST_F(HttpTest, WrongPathsMethodsAndTypesGetTheirOwnCodes) {
  EXPECT_EQ(Call("GET", "/nowhere").status, 404);
  EXPECT_EQ(Call("GET", "/v1/sql/").status, 404);
  const Reply wrong_method = Call("PUT", "/v1/collections", "{}");
  EXPECT_EQ(wrong_method.status, 405);
  EXPECT_THAT(wrong_method.headers, HasSubstr("Allow: GET, HEAD, POST"));
  EXPECT_EQ(Call("POST", "/v1/sql", "SELECT 1", "text/plain").status, 415);
  EXPECT_EQ(Call("POST", "/v1/sql", "{\"sql\":\"SELECT 1\"}", "").status, 415);
  EXPECT_EQ(Call("GET", "/v1/collections/%zz").status, 400);
  EXPECT_EQ(
      Call("POST", "/v1/sql", "{\"sql\":\"SELECT 1\"}", "Application/JSON; charset=utf-8").status,
      200);
}

TEST_F(HttpTest, ProbesAndMetricsAnswer) {
  EXPECT_EQ(Call("GET", "/livez").body, "ok\n");
  EXPECT_EQ(Call("GET", "/readyz").body, "ok\n");
  EXPECT_THAT(Call("GET", "/").body, HasSubstr("/v1/collections/{collection}/search"));
  const Reply metrics = Call("GET", "/metrics");
  EXPECT_THAT(metrics.body, HasSubstr("# TYPE kyro_http_requests_total counter"));
  EXPECT_THAT(metrics.body, HasSubstr("kyro_buffer_pool_hits_total"));
  const Reply head = Call("HEAD", "/livez");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.headers, HasSubstr("Content-Length: 3"));
}

TEST_F(HttpTest, ACollectionIsMadeDescribedFilledSearchedAndDropped) {
  MakeCollection();
  EXPECT_THAT(Call("GET", "/v1/collections").body, HasSubstr("\"name\":\"docs\""));
  const Reply described = Call("GET", "/v1/collections/docs");
  EXPECT_EQ(described.Member("primary_key"), "\"id\"") << described.body;
  EXPECT_THAT(described.body, HasSubstr("\"metric\":\"cosine\""));

  const Reply stored = Call("POST", "/v1/collections/docs/records",
                            R"j([{"id": 1, "title": "edit video files", "year": 2001},
                                {"id": 2, "title": "bake bread at home", "year": 2002},
                                {"id": 3, "title": "video editing on the command line"}])j");
  EXPECT_EQ(stored.status, 200) << stored.body;
  EXPECT_EQ(stored.Member("accepted"), "3");

  const Reply found = Call("POST", "/v1/collections/docs/search",
                           R"j({"query": {"text": "video editing"}, "limit": 2,
                               "select": ["title"],
                               "retrieve": [{"kind": "vector", "field": "embedding", "ef": 5}]})j");
  EXPECT_EQ(found.status, 200) << found.body;
  const auto json = ParseJson(found.body);
  ASSERT_TRUE(json.ok()) << found.body;
  const auto* results = json->Find("results")->get<Json::Array>();
  ASSERT_EQ(results->size(), 2u) << found.body;
  EXPECT_EQ(*(*results)[0].Find("id")->get<int64_t>(), 3) << found.body;
  EXPECT_EQ(JsonText(*(*results)[0].Find("rank")), R"j({"vector":1})j");
  EXPECT_EQ(JsonText(*(*results)[0].Find("fields")),
            R"j({"title":"video editing on the command line"})j");
  EXPECT_NEAR((*results)[0].Find("score")->number(), 1 - (*results)[0].Find("distance")->number(),
              1e-9);
  EXPECT_FALSE(json->Find("stats")->Find("plan")->get<std::string>()->empty());

  const Reply exact = Call("POST", "/v1/collections/docs/search",
                           R"j({"query": {"text": "video editing"}, "exact": true, "limit": 1,
                               "filter": {"must": [{"key": "year", "range": {"lte": 2001}}]}})j");
  EXPECT_EQ(exact.status, 200) << exact.body;
  EXPECT_THAT(exact.body, HasSubstr("{\"results\":[{\"id\":1,"));

  const Reply none = Call("POST", "/v1/collections/docs/search",
                          R"j({"query": {"text": "video"}, "min_score": 0.999})j");
  EXPECT_EQ(none.Member("results"), "[]") << none.body;

  EXPECT_THAT(Call("GET", "/v1/collections/docs/records/2").body,
              HasSubstr("\"title\":\"bake bread at home\""));
  EXPECT_EQ(Call("DELETE", "/v1/collections/docs/records/2").status, 204);
  EXPECT_EQ(Call("GET", "/v1/collections/docs/records/2").status, 404);
  EXPECT_EQ(Call("DELETE", "/v1/collections/docs/records/2").status, 404);
  EXPECT_EQ(Call("GET", "/v1/collections/docs/records/two").status, 400);

  EXPECT_EQ(Call("DELETE", "/v1/collections/docs").status, 204);
  EXPECT_EQ(Call("GET", "/v1/collections/docs").status, 404);
}

TEST_F(HttpTest, AnArrayIsStoredAsAWholeOrNotAtAll) {
  MakeCollection();
  const Reply wrong = Call("POST", "/v1/collections/docs/records",
                           R"j([{"id": 1, "title": "a"}, {"id": 2, "title": null}])j");
  EXPECT_EQ(wrong.status, 400) << wrong.body;
  EXPECT_EQ(wrong.Member("sqlstate"), "\"23502\"") << wrong.body;
  EXPECT_THAT(wrong.body, HasSubstr("record 1"));
  EXPECT_EQ(Sql("SELECT count(*) FROM docs").Member("rows"), "[[0]]");
}

TEST_F(HttpTest, NdjsonGivesAVerdictForEveryBadLine) {
  MakeCollection();
  const std::string lines =
      "{\"id\": 1, \"title\": \"one\"}\n"
      "not json\n"
      "{\"id\": 2, \"title\": \"two\", \"colour\": \"red\"}\n"
      "\n"
      "{\"id\": 3, \"title\": null}\n"
      "{\"id\": 4, \"title\": \"four\"}\n"
      "{\"id\": 1, \"title\": \"one again\"}\n"
      "{\"id\": \"x\", \"title\": \"five\"}";
  const Reply reply =
      Call("POST", "/v1/collections/docs/records?mode=insert", lines, "application/x-ndjson");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.Member("accepted"), "2") << reply.body;
  EXPECT_EQ(reply.Member("rejected"), "5") << reply.body;
  for (const char* part : {"\"line\":2", "\"line\":3", "\"line\":5", "\"line\":7", "\"line\":8",
                           "23505", "no column \\\"colour\\\""}) {
    EXPECT_THAT(reply.body, HasSubstr(part));
  }
  EXPECT_EQ(Sql("SELECT id, title FROM docs ORDER BY id").Member("rows"),
            R"j([[1,"one"],[4,"four"]])j");
  // The same again as upsert replaces.
  const Reply again = Call("POST", "/v1/collections/docs/records",
                           "{\"id\": 1, \"title\": \"new\"}\n", "application/x-ndjson");
  EXPECT_EQ(again.Member("accepted"), "1") << again.body;
  EXPECT_EQ(Sql("SELECT title FROM docs WHERE id = 1").Member("rows"), R"j([["new"]])j");
  EXPECT_EQ(Call("POST", "/v1/collections/docs/records?mode=replace", "[]").status, 400);
  EXPECT_EQ(Call("POST", "/v1/collections/docs/records?wait=1", "[]").status, 400);
}

TEST_F(HttpTest, WrongSearchesNameWhatIsWrong) {
  MakeCollection();
  const struct {
    const char* body;
    int status;
    const char* detail;
  } kCases[] = {
      {R"j({})j", 400, "\\\"query\\\""},
      {R"j({"query": {"text": "a", "vector": [1]}})j", 400, "one of text and vector"},
      {R"j({"query": {"vector": [1, 2, 3]}})j", 400, "dimensions"},
      {R"j({"query": {"vector": ["a"]}})j", 400, "array of numbers"},
      {R"j({"query": {"text": "a"}, "limit": 0})j", 400, "from 1 to 1000"},
      {R"j({"query": {"text": "a"}, "fuse": {"method": "rrf"}})j", 501, "\\\"fuse\\\""},
      {R"j({"query": {"text": "a"}, "cursor": "x"})j", 501, "\\\"cursor\\\""},
      {R"j({"query": {"text": "a"}, "retrieve": [{"kind": "bm25"}]})j", 501, "bm25"},
      {R"j({"query": {"text": "a"}, "retrieve": [{"kind": "vector", "field": "title"}]})j", 400,
       "no vector field"},
      {R"j({"query": {"text": "a"}, "select": ["nope"]})j", 400, "no field \\\"nope\\\""},
      {R"j({"query": {"text": "a"}, "filter": {"all": []}})j", 400, "unknown member \\\"all\\\""},
      {R"j({"query": {"text": "a"}, "filter": {"must": [{"key": "id"}]}})j", 400,
       "must have match"},
      {R"j({"query": {"text": "a"}, "colour": 1})j", 400, "unknown member \\\"colour\\\""},
  };
  for (const auto& each : kCases) {
    const Reply reply = Call("POST", "/v1/collections/docs/search", each.body);
    EXPECT_EQ(reply.status, each.status) << each.body << reply.body;
    EXPECT_THAT(reply.body, HasSubstr(each.detail)) << each.body;
  }
}

TEST_F(HttpTest, WrongCollectionsAreNotMade) {
  for (const char* body :
       {R"j({"name": "c"})j", R"j({"name": "c", "fields": []})j",
        R"j({"name": "c", "fields": [{"name": "id", "type": "bigint", "primary_key": true}]})j",
        R"j({"name": "c", "fields": [{"name": "v", "type": "vector(3)"}]})j",
        R"j({"name": "c", "fields": [{"name": "id", "type": "bigint); DROP TABLE x; --",
             "primary_key": true}, {"name": "v", "type": "vector(3)"}]})j",
        R"j({"name": "c", "colour": 1, "fields": []})j"}) {
    EXPECT_EQ(Call("POST", "/v1/collections", body).status, 400) << body;
  }
  // A name is a name, whatever it looks like.
  EXPECT_EQ(Call("POST", "/v1/collections",
                 R"j({"name": "a\"; DROP TABLE b; --", "fields":
                      [{"name": "id", "type": "bigint", "primary_key": true},
                       {"name": "v", "type": "vector(3)"}]})j")
                .status,
            201);
  EXPECT_THAT(Call("GET", "/v1/collections").body, HasSubstr(R"j("a\"; DROP TABLE b; --")j"));
}

TEST_F(HttpTest, AConnectionServesManyRequestsAlsoWhenTheyComeAtOnce) {
  Client client(port());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Call("GET", "/livez").status, 200);
  client.Send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 200);
  EXPECT_EQ(client.Receive().status, 200);
  client.Send("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 200);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpTest, ManyClientsWriteAtTheSameTime) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY, n bigint)").status, 200);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Client client(port());
      for (int i = 0; i < 20; ++i) {
        const Reply reply =
            client.Call("POST", "/v1/sql",
                        absl::StrCat(R"j({"sql": "INSERT INTO t VALUES ($1, $2)", "params": [)j",
                                     t * 100 + i, ", ", i, "]}"));
        if (reply.status == 200) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
  EXPECT_EQ(Sql("SELECT count(*) FROM t").Member("rows"), "[[160]]");
}

TEST_F(HttpTest, AMebibyteOfGarbageIsRefusedAndTheServerLives) {
  Random random(20261120);
  std::string garbage(1 << 20, '\0');
  for (char& byte : garbage) byte = static_cast<char>(random.Next());
  {
    Client client(port());
    client.Send(garbage);
    client.EndOfSending();
    const Reply reply = client.Receive();
    EXPECT_TRUE(reply.status == 400 || reply.status == 431) << reply.status;
  }
  EXPECT_EQ(Call("POST", "/v1/sql", garbage).status, 400);
  // As the text of a statement, in valid JSON.
  std::string printable;
  for (const char byte : garbage) printable.push_back(static_cast<char>(' ' + (byte & 0x3f)));
  const Reply reply = Sql(printable);
  EXPECT_EQ(reply.status, 400) << reply.body.substr(0, 300);
  EXPECT_THAT(reply.body, HasSubstr("sqlstate"));
  ExpectAlive();
}

TEST_F(HttpTest, HugeHeadersHalfRequestsAndOddVersionsAreRefused) {
  {
    Client client(port());
    client.Send(absl::StrCat("GET / HTTP/1.1\r\nX-Long: ", std::string(200 << 10, 'x')));
    EXPECT_EQ(client.Receive().status, 431);
  }
  {
    Client client(port());
    client.Send("POST /v1/sql HTTP/1.1\r\nContent-Length: 100\r\n\r\n{");
    client.EndOfSending();
    EXPECT_EQ(client.Receive().status, 0);  // nobody is there to be answered
  }
  {
    Client client(port());
    client.Send("GET / HTTP/7.0\r\n\r\n");
    const int status = client.Receive().status;
    EXPECT_TRUE(status == 505 || status == 400) << status;
  }
  {
    Client client(port());
    client.Send("POST /v1/sql HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n");
    EXPECT_EQ(client.Receive().status, 413);
  }
  {
    Client client(port());
    client.Send("POST /v1/sql HTTP/1.1\r\nContent-Length: pony\r\n\r\n");
    EXPECT_EQ(client.Receive().status, 400);
  }
  ExpectAlive();
}

TEST_F(HttpTest, AClientThatAsksFirstIsToldToGoOn) {
  const std::string body = R"j({"sql": "SELECT 1"})j";
  Client client(port());
  client.Send(
      absl::StrCat("POST /v1/sql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                   "Expect: 100-continue\r\nContent-Length: ",
                   body.size(), "\r\n\r\n"));
  EXPECT_EQ(client.Receive().status, 100);
  client.Send(body);
  EXPECT_EQ(client.Receive().status, 200);
}

TEST_F(HttpTest, AStatementThatTakesTooLongIsEnded) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY)").status, 200);
  std::string insert = "INSERT INTO t VALUES (0)";
  for (int i = 1; i < 400; ++i) absl::StrAppend(&insert, ",(", i, ")");
  ASSERT_EQ(Sql(insert).status, 200);
  const Reply reply =
      Call("POST", "/v1/sql",
           R"j({"sql": "SELECT count(*) FROM t a, t b, t c, t d", "timeout_ms": 50})j");
  EXPECT_EQ(reply.status, 408) << reply.body;
  EXPECT_EQ(reply.Member("sqlstate"), "\"57014\"");
}

TEST_F(HttpTest, AClientThatGoesAwayEndsItsStatement) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY)").status, 200);
  std::string insert = "INSERT INTO t VALUES (0)";
  for (int i = 1; i < 400; ++i) absl::StrAppend(&insert, ",(", i, ")");
  ASSERT_EQ(Sql(insert).status, 200);
  // One worker: while the endless statement runs, nobody else gets an answer.
  TearDown();
  Start({.worker_count = 1});
  {
    Client client(port());
    const std::string body = R"j({"sql": "SELECT count(*) FROM t a, t b, t c, t d"})j";
    client.Send(
        absl::StrCat("POST /v1/sql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
                     "\r\nContent-Length: ",
                     body.size(), "\r\n\r\n", body));
    // Another connection's answer says that the first request has been read.
    EXPECT_EQ(Call("GET", "/livez").status, 200);
  }
  ExpectAlive();
}

TEST_F(HttpTest, AFullQueueIsAnsweredWith503AndRetryAfter) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY)").status, 200);
  std::string insert = "INSERT INTO t VALUES (0)";
  for (int i = 1; i < 400; ++i) absl::StrAppend(&insert, ",(", i, ")");
  ASSERT_EQ(Sql(insert).status, 200);
  TearDown();
  Start({.worker_count = 1, .queue_length_max = 1});
  const std::string body = R"j({"sql": "SELECT count(*) FROM t a, t b, t c, t d"})j";
  const std::string message = absl::StrCat(
      "POST /v1/sql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
      "\r\nContent-Length: ",
      body.size(), "\r\n\r\n", body);
  const auto refused_count = [&] {  // probes need no worker
    const std::string metrics = Call("GET", "/metrics").body;
    const std::string name = "\nkyro_http_refused_total ";
    const size_t at = metrics.find(name);
    return at == std::string::npos ? 0 : std::stoi(metrics.substr(at + name.size()));
  };
  // One runs and one waits, for good. Sent one by one: who is not turned away within a second has a
  // place, and there are two.
  std::vector<std::unique_ptr<Client>> clients;
  bool refused = false;
  for (int i = 0; i < 5 && !refused; ++i) {
    const int before = refused_count();
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->Send(message);
    for (int j = 0; j < 40 && !refused; ++j) {
      refused = refused_count() > before;
      if (!refused) absl::SleepFor(absl::Milliseconds(25));
    }
  }
  ASSERT_TRUE(refused);
  EXPECT_GE(clients.size(), 3u);
  const Reply reply = clients.back()->Receive();
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.headers, HasSubstr("Retry-After: 1"));
  EXPECT_EQ(Call("GET", "/livez").status, 200);
  clients.clear();
}

TEST_F(HttpTest, StoppingEndsWhatRunsAfterTheGraceTime) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY)").status, 200);
  std::string insert = "INSERT INTO t VALUES (0)";
  for (int i = 1; i < 400; ++i) absl::StrAppend(&insert, ",(", i, ")");
  ASSERT_EQ(Sql(insert).status, 200);
  Client idle(port());
  EXPECT_EQ(idle.Call("GET", "/livez").status, 200);
  Client busy(port());
  const std::string body = R"j({"sql": "SELECT count(*) FROM t a, t b, t c, t d"})j";
  busy.Send(
      absl::StrCat("POST /v1/sql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
                   "\r\nContent-Length: ",
                   body.size(), "\r\n\r\n", body));
  EXPECT_EQ(Call("GET", "/livez").status, 200);
  listener_->Stop(absl::Milliseconds(200));
  EXPECT_TRUE(idle.IsClosed());
  EXPECT_TRUE(busy.IsClosed());
}

TEST_F(HttpTest, StoppingLetsARunningRequestFinishAndWaitsForNoIdleConnection) {
  ASSERT_EQ(Sql("CREATE TABLE t (id bigint PRIMARY KEY)").status, 200);
  std::string insert = "INSERT INTO t VALUES (0)";
  for (int i = 1; i < 100; ++i) absl::StrAppend(&insert, ",(", i, ")");
  ASSERT_EQ(Sql(insert).status, 200);
  Client idle(port());
  EXPECT_EQ(idle.Call("GET", "/livez").status, 200);
  Client busy(port());
  const std::string body = R"j({"sql": "SELECT count(*) FROM t a, t b, t c"})j";
  busy.Send(
      absl::StrCat("POST /v1/sql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
                   "\r\nContent-Length: ",
                   body.size(), "\r\n\r\n", body));
  EXPECT_EQ(Call("GET", "/livez").status, 200);  // so the request has been read
  const absl::Time begin = absl::Now();
  listener_->Stop(absl::Minutes(4));
  EXPECT_LT(absl::Now() - begin, absl::Minutes(3));
  EXPECT_EQ(busy.Receive().Member("rows"), "[[1000000]]");
  EXPECT_TRUE(idle.IsClosed());
}

TEST_F(HttpTest, BodiesAreBoundedAllTogether) {
  TearDown();
  Start({.body_bytes_max = 1000, .bodies_bytes_max = 1500});
  Client first(port());
  first.Send(
      "POST /v1/sql HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Content-Length: 900\r\n\r\n");
  EXPECT_EQ(first.Receive().status, 100);  // so its part is taken
  Client second(port());
  second.Send("POST /v1/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(second.Receive().status, 503);
  first.Send(std::string(900, '{'));
  EXPECT_EQ(first.Receive().status, 415);
  Client third(port());
  third.Send(
      "POST /v1/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
      "Content-Type: application/json\r\n\r\n"
      "16\r\n{\"sql\": \"SELECT 1234\"}\r\n0\r\n\r\n");
  EXPECT_EQ(third.Receive().Member("rows"), "[[1234]]");
}

TEST(HttpListenerTest, ATakenPortAndABadAddressAreClearErrors) {
  TemporaryFolder folder;
  const auto host = OpenHostOrDie(folder.path("db"));
  auto first = StartHttpListener(host.get(), {.port = 0});
  ASSERT_TRUE(first.ok());
  const auto second = StartHttpListener(host.get(), {.port = (*first)->port()});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("cannot listen on 127.0.0.1:"));
  const auto named = StartHttpListener(host.get(), {.host = "nowhere", .port = 0});
  EXPECT_EQ(named.status().code(), absl::StatusCode::kInvalidArgument);
  first->reset();
  EXPECT_TRUE(host->Close().ok());
}

}  // namespace
}  // namespace kyrodb::server
