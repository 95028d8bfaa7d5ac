#include "c_api/call.h"

using namespace omnisandbox;
using c_api::bytes_of;

static_assert(OMNISANDBOX_REFUSED_PATH == static_cast<int>(RefusedThing::path) &&
              OMNISANDBOX_REFUSED_PROGRAM == static_cast<int>(RefusedThing::program) &&
              OMNISANDBOX_REFUSED_HOST == static_cast<int>(RefusedThing::host) &&
              OMNISANDBOX_REFUSED_SYSTEM_CALL == static_cast<int>(RefusedThing::system_call));

const char* omnisandbox_refused_thing_name(omnisandbox_refused_thing_t thing) {
  return to_string(static_cast<RefusedThing>(thing)).data();  // of literals
}

omnisandbox_refused_thing_t omnisandbox_refusal_thing(const omnisandbox_refusal_t* refusal) {
  return static_cast<omnisandbox_refused_thing_t>(refusal->refusal.thing);
}

omnisandbox_bytes_t omnisandbox_refusal_action(const omnisandbox_refusal_t* refusal) {
  return bytes_of(refusal->refusal.action);
}

omnisandbox_bytes_t omnisandbox_refusal_name(const omnisandbox_refusal_t* refusal) {
  return bytes_of(refusal->refusal.name);
}

omnisandbox_bytes_t omnisandbox_refusal_layer(const omnisandbox_refusal_t* refusal) {
  return bytes_of(refusal->refusal.layer);
}

omnisandbox_bytes_t omnisandbox_refusal_reason(const omnisandbox_refusal_t* refusal) {
  return bytes_of(refusal->refusal.reason);
}

omnisandbox_bytes_t omnisandbox_refusal_rule(const omnisandbox_refusal_t* refusal) {
  return bytes_of(refusal->refusal.rule);
}

omnisandbox_bytes_t omnisandbox_refusal_remedy(const omnisandbox_refusal_t* refusal) {
  return bytes_of(refusal->refusal.remedy);
}

uint64_t omnisandbox_refusal_count(const omnisandbox_refusal_t* refusal) {
  return refusal->refusal.count;
}
