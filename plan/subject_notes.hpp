// SPDX-License-Identifier: Apache-2.0
//
// What a person should know of a policy's subjects and of the files that it protects, a part of
// plan/notes.hpp.
#pragma once

#include <string>
#include <vector>

#include "annotations/policy.hpp"
#include "plan/plan.hpp"

namespace socklid {

void note_subjects(const annotations::Policy& policy, const Plan& plan,
                   std::vector<std::string>& notes);

}  // namespace socklid
