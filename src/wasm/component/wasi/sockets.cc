#include <array>

#include "wasm/component/wasi/interfaces.h"

/// wasi:sockets, which C libraries import whether their program uses it or not. No socket is ever
/// made, so the functions of sockets are there for linking alone. Components reach the network
/// through omnisandbox:host/http, which asks the policy.
namespace omnisandbox::wasm::component::wasi02 {
namespace {

// Languages show it as "permission denied".
void refuse(HostCall& call) {
  call.release_handles();
  call.give(Value::error(Value::enumeration("access-denied")));
}

void get_network(HostCall& call) { call.give(call.own(ResourceKind::network, 0)); }

void no_error_code(HostCall& call) {
  call.release_handles();
  call.give(Value::none());
}

void unreachable(HostCall& call) { call.trap("it used a socket that it cannot have"); }

constexpr std::array network_resources = {
    ResourceEntry{"network", ResourceKind::network, &drop_nothing}};
constexpr std::array network_functions = {FunctionEntry{"network-error-code", &no_error_code}};
constexpr std::array instance_network_functions = {FunctionEntry{"instance-network", &get_network}};
constexpr std::array ip_name_lookup_resources = {
    ResourceEntry{"resolve-address-stream", ResourceKind::resolve_address_stream, &drop_nothing}};
constexpr std::array ip_name_lookup_functions = {
    FunctionEntry{"[method]resolve-address-stream.resolve-next-address", &unreachable},
    FunctionEntry{"[method]resolve-address-stream.subscribe", &unreachable},
    FunctionEntry{"resolve-addresses", &refuse}};
constexpr std::array tcp_resources = {
    ResourceEntry{"tcp-socket", ResourceKind::tcp_socket, &drop_nothing}};
constexpr std::array tcp_functions = {
    FunctionEntry{"[method]tcp-socket.start-bind", &unreachable},
    FunctionEntry{"[method]tcp-socket.finish-bind", &unreachable},
    FunctionEntry{"[method]tcp-socket.start-connect", &unreachable},
    FunctionEntry{"[method]tcp-socket.finish-connect", &unreachable},
    FunctionEntry{"[method]tcp-socket.start-listen", &unreachable},
    FunctionEntry{"[method]tcp-socket.finish-listen", &unreachable},
    FunctionEntry{"[method]tcp-socket.accept", &unreachable},
    FunctionEntry{"[method]tcp-socket.local-address", &unreachable},
    FunctionEntry{"[method]tcp-socket.remote-address", &unreachable},
    FunctionEntry{"[method]tcp-socket.is-listening", &unreachable},
    FunctionEntry{"[method]tcp-socket.address-family", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-listen-backlog-size", &unreachable},
    FunctionEntry{"[method]tcp-socket.keep-alive-enabled", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-keep-alive-enabled", &unreachable},
    FunctionEntry{"[method]tcp-socket.keep-alive-idle-time", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-keep-alive-idle-time", &unreachable},
    FunctionEntry{"[method]tcp-socket.keep-alive-interval", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-keep-alive-interval", &unreachable},
    FunctionEntry{"[method]tcp-socket.keep-alive-count", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-keep-alive-count", &unreachable},
    FunctionEntry{"[method]tcp-socket.hop-limit", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-hop-limit", &unreachable},
    FunctionEntry{"[method]tcp-socket.receive-buffer-size", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-receive-buffer-size", &unreachable},
    FunctionEntry{"[method]tcp-socket.send-buffer-size", &unreachable},
    FunctionEntry{"[method]tcp-socket.set-send-buffer-size", &unreachable},
    FunctionEntry{"[method]tcp-socket.subscribe", &unreachable},
    FunctionEntry{"[method]tcp-socket.shutdown", &unreachable}};
constexpr std::array tcp_create_socket_functions = {FunctionEntry{"create-tcp-socket", &refuse}};
constexpr std::array udp_resources = {
    ResourceEntry{"udp-socket", ResourceKind::udp_socket, &drop_nothing},
    ResourceEntry{"incoming-datagram-stream", ResourceKind::incoming_datagram_stream,
                  &drop_nothing},
    ResourceEntry{"outgoing-datagram-stream", ResourceKind::outgoing_datagram_stream,
                  &drop_nothing}};
constexpr std::array udp_functions = {
    FunctionEntry{"[method]udp-socket.start-bind", &unreachable},
    FunctionEntry{"[method]udp-socket.finish-bind", &unreachable},
    FunctionEntry{"[method]udp-socket.stream", &unreachable},
    FunctionEntry{"[method]udp-socket.local-address", &unreachable},
    FunctionEntry{"[method]udp-socket.remote-address", &unreachable},
    FunctionEntry{"[method]udp-socket.address-family", &unreachable},
    FunctionEntry{"[method]udp-socket.unicast-hop-limit", &unreachable},
    FunctionEntry{"[method]udp-socket.set-unicast-hop-limit", &unreachable},
    FunctionEntry{"[method]udp-socket.receive-buffer-size", &unreachable},
    FunctionEntry{"[method]udp-socket.set-receive-buffer-size", &unreachable},
    FunctionEntry{"[method]udp-socket.send-buffer-size", &unreachable},
    FunctionEntry{"[method]udp-socket.set-send-buffer-size", &unreachable},
    FunctionEntry{"[method]udp-socket.subscribe", &unreachable},
    FunctionEntry{"[method]incoming-datagram-stream.receive", &unreachable},
    FunctionEntry{"[method]incoming-datagram-stream.subscribe", &unreachable},
    FunctionEntry{"[method]outgoing-datagram-stream.check-send", &unreachable},
    FunctionEntry{"[method]outgoing-datagram-stream.send", &unreachable},
    FunctionEntry{"[method]outgoing-datagram-stream.subscribe", &unreachable}};
constexpr std::array udp_create_socket_functions = {FunctionEntry{"create-udp-socket", &refuse}};

constexpr std::array interfaces = {
    Interface{"wasi:sockets/network@0.2.12", network_resources, network_functions},
    Interface{"wasi:sockets/instance-network@0.2.12", {}, instance_network_functions},
    Interface{"wasi:sockets/ip-name-lookup@0.2.12", ip_name_lookup_resources,
              ip_name_lookup_functions},
    Interface{"wasi:sockets/tcp@0.2.12", tcp_resources, tcp_functions},
    Interface{"wasi:sockets/tcp-create-socket@0.2.12", {}, tcp_create_socket_functions},
    Interface{"wasi:sockets/udp@0.2.12", udp_resources, udp_functions},
    Interface{"wasi:sockets/udp-create-socket@0.2.12", {}, udp_create_socket_functions}};

}  // namespace

std::span<const Interface> socket_interfaces() { return interfaces; }

}  // namespace omnisandbox::wasm::component::wasi02
