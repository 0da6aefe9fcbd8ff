// Plays one scenario on one client.

#pragma once

#include <nlohmann/json.hpp>

#include "sandbox.hpp"

namespace scenarios {

/// Throws a Failed where the scenario does not go as it says.
void play(const Sandbox &sandbox, const nlohmann::json &scenario);

}  // namespace scenarios
