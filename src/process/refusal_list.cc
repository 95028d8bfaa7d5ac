#include "process/refusal_list.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace omnisandbox::process {

void RefusalList::add(Refusal refusal) {
  report_.count += refusal.count;
  for (std::string* text :
       {&refusal.name, &refusal.layer, &refusal.reason, &refusal.rule, &refusal.remedy}) {
    *text = base::printable(*text, max_refusal_text_bytes);
  }
  const auto known =
      std::find_if(report_.entries.begin(), report_.entries.end(), [&](const Refusal& other) {
        return other.thing == refusal.thing && other.action == refusal.action &&
               other.name == refusal.name && other.layer == refusal.layer;
      });
  if (known != report_.entries.end()) {
    known->count += refusal.count;
  } else if (report_.entries.size() < max_reported_refusals) {
    report_.entries.push_back(std::move(refusal));
  } else {
    report_.is_cut = true;
  }
}

RefusalReport RefusalList::take() { return std::exchange(report_, {}); }

Refusal refusal_of_host(const Denial& denial) {
  return {.thing = RefusedThing::host,
          .action = "reach",
          .name = denial.resource,
          .layer = "proxy",
          .reason = denial.reason,
          .rule = denial.rule,
          .remedy = denial.remedy};
}

}  // namespace omnisandbox::process
