// Runs a scenario with one client.

#pragma once

#include <nlohmann/json.hpp>

#include "sandbox.hpp"

namespace scenarios {

/// Throws Failed if the scenario fails.
void play(const Sandbox &sandbox, const nlohmann::json &scenario);

}  // namespace scenarios
