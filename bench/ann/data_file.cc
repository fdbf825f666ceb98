// ANN-Benchmarks files through HDF5's C face, and the two plain formats of vectors.
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/ann/data_set.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

// Closes a handle of the library at the end of its scope.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  const hid_t id_;
  herr_t (*const close_)(hid_t);
};

struct Matrix {
  size_t rows = 0, columns = 0;
};

template <typename T>
absl::StatusOr<Matrix> ReadMatrix(hid_t file, const char* name, hid_t type, std::vector<T>& out) {
  const Handle set(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose);
  if (!set.ok()) return absl::NotFoundError(absl::StrCat("no data set \"", name, "\""));
  const Handle space(H5Dget_space(set.get()), H5Sclose);
  hsize_t extent[2] = {};
  if (H5Sget_simple_extent_ndims(space.get()) != 2) {
    return absl::DataLossError(absl::StrCat("data set \"", name, "\" is no matrix"));
  }
  H5Sget_simple_extent_dims(space.get(), extent, nullptr);
  out.resize(extent[0] * extent[1]);
  if (H5Dread(set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()) < 0) {
    return absl::DataLossError(absl::StrCat("data set \"", name, "\" cannot be read"));
  }
  return Matrix{extent[0], extent[1]};
}

std::string ReadText(hid_t file, const char* name) {
  if (H5Aexists(file, name) <= 0) return "";
  const Handle attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_STRING) return "";
  if (H5Tis_variable_str(type.get()) > 0) {
    char* text = nullptr;
    if (H5Aread(attribute.get(), type.get(), &text) < 0 || text == nullptr) return "";
    std::string result = text;
    H5free_memory(text);
    return result;
  }
  std::string text(H5Tget_size(type.get()), '\0');
  if (H5Aread(attribute.get(), type.get(), text.data()) < 0) return "";
  text.resize(std::strlen(text.c_str()));
  return text;
}

absl::StatusOr<DataSet> LoadHdf5(const std::string& path) {
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file.ok()) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  DataSet data;
  std::string distance = ReadText(file.get(), "distance");
  if (distance.empty()) {
    for (const char* known : {"euclidean", "angular", "hamming", "jaccard"}) {
      if (absl::StrContains(path, known)) distance = known;
    }
  }
  if (distance == "angular") {
    data.metric = vector::Metric::kCosine;
  } else if (distance != "euclidean" && distance != "hamming") {
    return absl::UnimplementedError(absl::StrCat("distance \"", distance, "\" of ", path));
  }
  // Bits are read as 0 and 1: their squared Euclidean distance is how many differ.
  KYRO_ASSIGN_OR_RETURN(const Matrix base,
                        ReadMatrix(file.get(), "train", H5T_NATIVE_FLOAT, data.base));
  KYRO_ASSIGN_OR_RETURN(const Matrix queries,
                        ReadMatrix(file.get(), "test", H5T_NATIVE_FLOAT, data.queries));
  KYRO_ASSIGN_OR_RETURN(const Matrix truth,
                        ReadMatrix(file.get(), "neighbors", H5T_NATIVE_UINT32, data.truth));
  if (base.columns != queries.columns || truth.rows != queries.rows) {
    return absl::DataLossError(absl::StrCat(path, ": train, test and neighbors do not fit"));
  }
  data.dimensions = base.columns;
  data.truth_width = truth.columns;
  return data;
}

// .fvecs: for each vector its dimension (int32) and its floats; .fbin: count and dimension
// (uint32), then all floats. Every so many-th vector becomes a query.
absl::StatusOr<DataSet> LoadPlain(const std::string& path, bool headed) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  DataSet data;
  uint32_t dimensions = 0, count = 0;
  const auto read_number = [&](uint32_t& number) {
    return static_cast<bool>(file.read(reinterpret_cast<char*>(&number), sizeof(number)));
  };
  if (headed && (!read_number(count) || !read_number(dimensions))) dimensions = 0;
  std::vector<float> all;
  for (uint32_t i = 0; !headed || i < count; ++i) {
    uint32_t here = dimensions;
    if (!headed && !read_number(here)) break;
    if (dimensions == 0) dimensions = here;
    if (here != dimensions || here < 1 || here > vector::kDimensionsMax) {
      return absl::DataLossError(absl::StrCat(path, ": a vector of ", here, " dimensions"));
    }
    all.resize(all.size() + dimensions);
    if (!file.read(reinterpret_cast<char*>(&all[all.size() - dimensions]),
                   static_cast<std::streamsize>(dimensions * sizeof(float)))) {
      return absl::DataLossError(absl::StrCat(path, " ends early"));
    }
  }
  if (dimensions == 0) return absl::DataLossError(absl::StrCat(path, " holds no vectors"));
  data.dimensions = dimensions;
  const size_t rows = all.size() / dimensions, step = std::max<size_t>(2, rows / 1000);
  for (size_t i = 0; i < rows; ++i) {
    std::vector<float>& to = i % step == 0 ? data.queries : data.base;
    to.insert(to.end(), all.begin() + static_cast<ptrdiff_t>(i * dimensions),
              all.begin() + static_cast<ptrdiff_t>((i + 1) * dimensions));
  }
  FillTruth(data, 1000);
  return data;
}

void WriteAttribute(hid_t file, const char* name, hid_t type, const void* value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(H5Acreate2(file, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  H5Awrite(attribute.get(), type, value);
}

void WriteText(hid_t file, const char* name, const std::string& text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<size_t>(text.size(), 1));
  WriteAttribute(file, name, type.get(), text.c_str());
}

void WriteSet(hid_t file, const char* name, hid_t type, const void* values, hsize_t rows,
              hsize_t columns) {
  const hsize_t extent[2] = {rows, columns};
  const Handle space(H5Screate_simple(columns == 0 ? 1 : 2, extent, nullptr), H5Sclose);
  const Handle set(H5Dcreate2(file, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                   H5Dclose);
  H5Dwrite(set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

}  // namespace

absl::StatusOr<DataSet> LoadDataSet(const std::string& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are reported here
  absl::StatusOr<DataSet> data = absl::EndsWith(path, ".fvecs")  ? LoadPlain(path, false)
                                 : absl::EndsWith(path, ".fbin") ? LoadPlain(path, true)
                                                                 : LoadHdf5(path);
  if (data.ok()) {
    const size_t slash = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
    data->name = path.substr(slash, path.rfind('.') - slash);
  }
  return data;
}

absl::Status WriteResult(const std::string& path, const DataSet& data, size_t k,
                         const RunResult& result) {
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  if (!file.ok()) return absl::InternalError(absl::StrCat("cannot write ", path));
  const hsize_t queries = data.query_count();
  WriteSet(file.get(), "neighbors", H5T_NATIVE_UINT32, result.neighbors.data(), queries, k);
  WriteSet(file.get(), "distances", H5T_NATIVE_FLOAT, result.distances.data(), queries, k);
  const double each = result.search_seconds / static_cast<double>(queries);
  const std::vector<double> times(queries, each);
  WriteSet(file.get(), "times", H5T_NATIVE_DOUBLE, times.data(), queries, 0);
  WriteText(file.get(), "algo", result.system);
  WriteText(file.get(), "name", absl::StrCat(result.system, "(", result.setting, ")"));
  WriteText(file.get(), "dataset", data.name);
  WriteText(file.get(), "distance",
            data.metric == vector::Metric::kCosine ? "angular" : "euclidean");
  const int count = static_cast<int>(k), runs = 1;
  const int candidates = count;
  WriteAttribute(file.get(), "count", H5T_NATIVE_INT, &count);
  WriteAttribute(file.get(), "run_count", H5T_NATIVE_INT, &runs);
  WriteAttribute(file.get(), "candidates", H5T_NATIVE_INT, &candidates);
  WriteAttribute(file.get(), "build_time", H5T_NATIVE_DOUBLE, &result.build_seconds);
  WriteAttribute(file.get(), "index_size", H5T_NATIVE_DOUBLE, &result.index_kilobytes);
  WriteAttribute(file.get(), "best_search_time", H5T_NATIVE_DOUBLE, &each);
  return absl::OkStatus();
}

}  // namespace kyrodb::bench
