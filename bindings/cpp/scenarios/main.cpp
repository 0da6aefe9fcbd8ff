// Runs the scenarios in tests/scenarios, whose README specifies them, with one sandbox.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <vector>

#include "expect.hpp"
#include "play.hpp"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

/// Replaces `{url}`, `{dir}` and `{plugins}` in every string.
void substitute(json &value, const scenarios::Sandbox &sandbox) {
    if (value.is_structured()) {
        for (auto &member : value) substitute(member, sandbox);
        return;
    }
    if (!value.is_string()) return;
    auto text = value.get<std::string>();
    const std::map<std::string, std::string> marks{
        {"{url}", sandbox.url}, {"{dir}", sandbox.dir}, {"{plugins}", variable("COUNTERSIGN_PLUGINS")}};
    for (const auto &[sought, stands_for] : marks) {
        for (auto at = text.find(sought); at != std::string::npos; at = text.find(sought, at + stands_for.size())) {
            text.replace(at, sought.size(), stands_for);
        }
    }
    value = text;
}

std::string run(const scenarios::Sandbox &sandbox, const fs::path &file) {
    try {
        sandbox.post("/_sandbox/reset", "");
        fs::remove_all(fs::path(sandbox.dir) / "kept");
        auto scenario = json::parse(std::ifstream(file));
        if (scenario.at("name") != file.stem().string()) throw scenarios::Failed("`name` is not the file's name");
        substitute(scenario, sandbox);
        scenarios::play(sandbox, scenario);
        return "ok";
    } catch (const countersign::Error &error) {
        return "failed: " + scenarios::reported(error);
    } catch (const std::exception &error) {
        return std::string("failed: ") + error.what();
    }
}

int run_all(const std::string &dir) {
    if (!countersign::abi_matches()) throw std::runtime_error("the library is not compatible with countersign.hpp");
    const scenarios::Sandbox sandbox(variable("COUNTERSIGN_SANDBOX"), dir);
    fs::copy(fs::path(variable("COUNTERSIGN_SCENARIOS")) / "profiles", fs::path(dir) / "profiles");
    std::vector<fs::path> files;
    for (const auto &entry : fs::directory_iterator(variable("COUNTERSIGN_SCENARIOS"))) {
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    json results = json::object();
    int failed = 0;
    for (const auto &file : files) {
        const auto result = run(sandbox, file);
        results[file.stem().string()] = result;
        if (result != "ok") {
            std::cout << file.stem().string() << ": " << result << '\n';
            ++failed;
        }
    }
    std::cout << files.size() << " scenarios, " << failed << " failed\n";
    if (const char *folder = std::getenv("COUNTERSIGN_SCENARIO_RESULTS")) {
        fs::create_directories(folder);
        std::ofstream(fs::path(folder) / "cpp.json") << json{{"language", "cpp"}, {"scenarios", results}}.dump(1) << '\n';
    }
    return failed == 0 && !files.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " EMPTY_FOLDER\n";
        return 2;
    }
    try {
        return run_all(argv[1]);
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
