// Goal:   every fuzz target is exercised in every test run, without clang.
// Method: first the files of the corpus folder given as argument, as they are; then, for two (with
//         KYRO_LONG sixty, or KYRO_FUZZ_SECONDS)
//         seconds, inputs that are a function of (seed, number): random bytes, and corpus files or
//         earlier inputs with bytes flipped, cut, repeated or replaced by telling values. A crash
//         prints seed and number; KYRO_FUZZ_SEED and KYRO_FUZZ_INPUT replay that one input.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

volatile sig_atomic_t crashed = 0;
char crash_message[128];
size_t crash_message_length = 0;

extern "C" void ReportCrash(int signal_number) {
  if (crashed == 0) {
    crashed = 1;
    [[maybe_unused]] const ssize_t written =
        write(STDERR_FILENO, crash_message, crash_message_length);
  }
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

void Run(const std::string& input) {
  // A copy of exactly this size, so that sanitizers see a read past its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string MakeInput(const std::vector<std::string>& corpus, uint64_t seed, uint64_t number) {
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                         static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
  std::mt19937_64 random(sequence);
  const auto below = [&](size_t end) { return static_cast<size_t>(random() % end); };
  const auto byte = [&] { return static_cast<char>(random() & 0xFF); };

  std::string input;
  if (corpus.empty() || below(4) == 0) {
    input.resize(below(below(8) == 0 ? 4096 : 64));
    for (char& c : input) c = byte();
    return input;
  }
  input = corpus[below(corpus.size())];
  for (size_t change = 1 + below(4); change > 0; --change) {
    const size_t at = below(input.size() + 1);
    const size_t length = below(input.size() - at + 1);
    switch (below(6)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = byte();
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        if (input.size() < 65536) input.insert(at, input.substr(at, length));
        break;
      case 4:
        // Lengths and counts of the largest, the smallest and the most surprising size.
        for (size_t i = at; i < std::min(at + 4, input.size()); ++i) {
          input[i] = (number & 1) != 0 ? '\xFF' : '\0';
        }
        break;
      case 5: {
        const std::string& other = corpus[below(corpus.size())];
        input = input.substr(0, at) + other.substr(below(other.size() + 1));
        break;
      }
    }
  }
  return input;
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> corpus;
  std::error_code error;
  if (argc > 1 && std::filesystem::is_directory(argv[1], error)) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream stream(path, std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    }
  }
  const uint64_t seed = FromEnvironment("KYRO_FUZZ_SEED", 20261120);
  std::printf("seed %llu, %zu corpus files\n", static_cast<unsigned long long>(seed),
              corpus.size());
  std::fflush(stdout);
  for (const int signal_number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    std::signal(signal_number, ReportCrash);
  }
  const auto prepare = [&](const char* kind, uint64_t number) {
    const int length = std::snprintf(
        crash_message, sizeof(crash_message), "crashed on %s %llu of seed %llu\n", kind,
        static_cast<unsigned long long>(number), static_cast<unsigned long long>(seed));
    crash_message_length = static_cast<size_t>(length);
  };

  if (std::getenv("KYRO_FUZZ_INPUT") != nullptr) {
    const uint64_t number = FromEnvironment("KYRO_FUZZ_INPUT", 0);
    prepare("input", number);
    Run(MakeInput(corpus, seed, number));
    std::printf("input %llu: no crash\n", static_cast<unsigned long long>(number));
    return 0;
  }
  for (size_t i = 0; i < corpus.size(); ++i) {
    prepare("corpus file", i);
    Run(corpus[i]);
  }
  prepare("input", 0);
  Run("");
  const uint64_t seconds =
      FromEnvironment("KYRO_FUZZ_SECONDS", std::getenv("KYRO_LONG") == nullptr ? 2 : 60);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  uint64_t number = 0;
  while (std::chrono::steady_clock::now() < end) {
    prepare("input", number);
    Run(MakeInput(corpus, seed, number));
    ++number;
  }
  std::printf("%llu inputs, no crash\n", static_cast<unsigned long long>(number));
  return 0;
}
