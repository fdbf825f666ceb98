// Collections: tables with one primary key column and at least one vector column, seen over HTTP.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "server/host.h"
#include "server/http/message.h"

namespace kyrodb::server {

Response ListCollections(Host& host, const Request& request);
// {name, fields:[{name, type, primary_key?, not_null?}], embed?:{field, from, dimensions?},
//  index?:{field?, metric?, m?, ef_construction?}}: CREATE TABLE and CREATE INDEX in one go.
Response CreateCollection(Host& host, const Request& request);
Response DescribeCollection(Host& host, const Request& request);
Response DropCollection(Host& host, const Request& request);

// The table behind `request.parameters["collection"]`. `NotFound` when there is none or when it is
// no collection.
absl::StatusOr<std::shared_ptr<const engine::TableSchema>> FindCollection(const Host& host,
                                                                          const Request& request);
// The column of the only primary key.
const engine::ColumnSchema& KeyColumn(const engine::TableSchema& table);
// "l2", "inner_product" or "cosine".
absl::string_view CollectionMetric(engine::Metric metric);

}  // namespace kyrodb::server
