// Goal:   the catalogs answer what psql and drivers ask of them, about objects of every kind.
// Method: queries as psql 15 sends them, and joins over the catalogs, in a session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/pg_client.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class PgCatalogTest : public PgTest {
 protected:
  void SetUp() override {
    Start();
    client_ = Connected();
    client_->Query(
        "CREATE TABLE docs (id bigint PRIMARY KEY, title text NOT NULL DEFAULT 'x', e vector(3), "
        "p numeric(10,2), tags text[])");
    client_->Query("CREATE INDEX docs_e ON docs USING hnsw (e vector_cosine_ops)");
  }
  void TearDown() override {
    client_.reset();
    PgTest::TearDown();
  }
  std::unique_ptr<PgClient> client_;
};

TEST_F(PgCatalogTest, PsqlListsTables) {
  EXPECT_EQ(client_->Query(R"(SELECT n.nspname as "Schema", c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','v','m','S','f','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;)"),
            "T D(public|docs|table|kyro) C(SELECT 1) Z(I)");
}

TEST_F(PgCatalogTest, ColumnsHaveTheirTypesAndDefaults) {
  EXPECT_EQ(client_->Query("SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), "
                           "a.attnotnull FROM pg_attribute a WHERE a.attrelid = 'docs'::regclass "
                           "AND a.attnum > 0 ORDER BY a.attnum"),
            "T D(id|bigint|t) D(title|text|t) D(e|vector(3)|f) D(p|numeric(10,2)|f) "
            "D(tags|text[]|f) C(SELECT 5) Z(I)");
  EXPECT_EQ(client_->Query("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = "
                           "'docs'::regclass"),
            "T D('x') C(SELECT 1) Z(I)");
}

TEST_F(PgCatalogTest, IndexesAndConstraintsHaveDefinitions) {
  EXPECT_EQ(client_->Query("SELECT indexrelid::regclass, indisprimary, pg_get_indexdef(indexrelid) "
                           "FROM pg_index WHERE indrelid = 'docs'::regclass ORDER BY 1::text"),
            client_->Query("SELECT indexrelid::regclass, indisprimary, pg_get_indexdef(indexrelid) "
                           "FROM pg_index WHERE indrelid = 'docs'::regclass ORDER BY 1::text"));
  EXPECT_EQ(client_->Query("SELECT indexdef FROM pg_indexes WHERE indexname = 'docs_e'"),
            "T D(CREATE INDEX docs_e ON public.docs USING hnsw (e vector_cosine_ops)) C(SELECT 1) "
            "Z(I)");
  EXPECT_EQ(client_->Query("SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint "
                           "WHERE conrelid = 'docs'::regclass"),
            "T D(docs_pkey|p|PRIMARY KEY (id)) C(SELECT 1) Z(I)");
}

TEST_F(PgCatalogTest, NamesBecomeNumbersAndBack) {
  EXPECT_EQ(client_->Query("SELECT 'docs'::regclass, 'public.docs'::regclass::text, "
                           "'pg_class'::regclass::oid, 23::oid::regtype, to_regclass('nothing')"),
            "T D(docs|docs|1259|integer|NULL) C(SELECT 1) Z(I)");
  EXPECT_EQ(client_->Query("SELECT 'nothing'::regclass"), "E(42P01) Z(I)");
  EXPECT_EQ(client_->Query("SELECT typname, typarray FROM pg_type WHERE oid = to_regtype('int4')"),
            "T D(int4|1007) C(SELECT 1) Z(I)");
}

TEST_F(PgCatalogTest, CatalogsShowWhatTheTransactionHasDefined) {
  client_->Query("BEGIN");
  client_->Query("CREATE TABLE fresh (a integer)");
  EXPECT_EQ(client_->Query("SELECT count(*) FROM pg_class WHERE relname = 'fresh'"),
            "T D(1) C(SELECT 1) Z(T)");
  auto other = Connected();
  EXPECT_EQ(other->Query("SELECT count(*) FROM pg_class WHERE relname = 'fresh'"),
            "T D(0) C(SELECT 1) Z(I)");
}

TEST_F(PgCatalogTest, InformationSchemaKnowsTheSameObjects) {
  EXPECT_EQ(client_->Query("SELECT table_name, table_type FROM information_schema.tables WHERE "
                           "table_schema = 'public'"),
            "T D(docs|BASE TABLE) C(SELECT 1) Z(I)");
  EXPECT_EQ(
      client_->Query("SELECT column_name, data_type, is_nullable, numeric_precision FROM "
                     "information_schema.columns WHERE table_name = 'docs' ORDER BY "
                     "ordinal_position"),
      "T D(id|bigint|NO|64) D(title|text|NO|NULL) D(e|USER-DEFINED|YES|NULL) D(p|numeric|YES|10) "
      "D(tags|ARRAY|YES|NULL) C(SELECT 5) Z(I)");
  EXPECT_EQ(client_->Query("SELECT k.column_name FROM information_schema.table_constraints c JOIN "
                           "information_schema.key_column_usage k USING (constraint_name) WHERE "
                           "c.constraint_type = 'PRIMARY KEY'"),
            "T D(id) C(SELECT 1) Z(I)");
}

TEST_F(PgCatalogTest, CatalogsCannotBeWritten) {
  EXPECT_EQ(client_->Query("DELETE FROM pg_class"), "E(42501) Z(I)");
  EXPECT_EQ(client_->Query("INSERT INTO pg_catalog.pg_type (oid) VALUES (1)"), "E(42501) Z(I)");
}

TEST_F(PgCatalogTest, EveryTableOfTheCatalogCanBeRead) {
  client_->Send(
      PgQuery("SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n "
              "ON n.oid = c.relnamespace WHERE n.nspname IN ('pg_catalog', "
              "'information_schema') ORDER BY 1"));
  std::vector<std::string> names;
  for (const PgMessage& message : client_->ReceiveUntilReady()) {
    if (message.type == 'D') names.push_back(message.Values()[0]);
  }
  EXPECT_GT(names.size(), 50U);
  for (const std::string& name : names) {
    EXPECT_THAT(client_->Query("SELECT * FROM " + name + " LIMIT 3"), StartsWith("T")) << name;
  }
}

}  // namespace
}  // namespace kyrodb::server
