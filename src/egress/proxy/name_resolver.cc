#include "egress/proxy/name_resolver.h"

#include <ares.h>
#include <netdb.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "base/error.h"

namespace omnisandbox::egress {
namespace {

using boost::system::error_code;
using Descriptor = boost::asio::posix::stream_descriptor;

// Of one try at one server; doubles with each further one.
constexpr int query_timeout_ms = 2'000;
constexpr int tries = 3;

Error lookup_error(int status, const std::string& name) {
  const bool is_absent =
      status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_ENONAME;
  return base::make_error(is_absent ? ErrorKind::not_found : ErrorKind::io,
                          "the name {} cannot be looked up: {}", base::printable(name, 300),
                          ares_strerror(status));
}

}  // namespace

class NameResolver::Impl {
 public:
  explicit Impl(boost::asio::io_context& io) : io_(io), timer_(io) {
    ares_options options{};
    options.timeout = query_timeout_ms;
    options.tries = tries;
    options.sock_state_cb = [](void* self, ares_socket_t socket, int reads, int writes) {
      static_cast<Impl*>(self)->watch(socket, reads != 0, writes != 0);
    };
    options.sock_state_cb_data = this;
    status_ = ares_init_options(&channel_, &options,
                                ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  }

  ~Impl() {
    if (status_ == ARES_SUCCESS) ares_destroy(channel_);
    // c-ares has told us of each socket that it closed; none is left.
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void look_up(const std::string& name, Done done) {
    if (status_ != ARES_SUCCESS) {
      boost::asio::post(
          io_, [done = std::move(done), error = lookup_error(status_, name)] { done(error); });
      return;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    auto lookup = std::make_unique<Lookup>(Lookup{*this, name, std::move(done)});
    // c-ares calls `answered` exactly once, at the latest when the channel is destroyed.
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Impl::answered, lookup.release());
    set_timer();
  }

 private:
  struct Lookup {
    Impl& resolver;
    std::string name;
    Done done;
  };
  struct Watch {
    explicit Watch(boost::asio::io_context& io) : descriptor(io) {}
    Descriptor descriptor;
    bool reads = false;
    bool writes = false;
    bool waits_to_read = false;
    bool waits_to_write = false;
  };

  static void answered(void* argument, int status, int, ares_addrinfo* answer) {
    const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(argument));
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(answer,
                                                                             &ares_freeaddrinfo);
    if (status == ARES_EDESTRUCTION) return;
    Expected<std::vector<policy::IpAddress>> result = lookup_error(status, lookup->name);
    if (status == ARES_SUCCESS) {
      std::vector<policy::IpAddress> addresses;
      for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) {
        const auto address = policy::IpAddress::from_sockaddr(
            node->ai_addr, static_cast<std::size_t>(node->ai_addrlen));
        if (address) addresses.push_back(*address);
      }
      if (!addresses.empty()) result = std::move(addresses);
    }
    // Not from inside c-ares: what is done next may ask for another name.
    boost::asio::post(lookup->resolver.io_,
                      [done = std::move(lookup->done), result = std::move(result)]() mutable {
                        done(std::move(result));
                      });
  }

  // What c-ares wants to know of one of its sockets, from now on.
  void watch(ares_socket_t socket, bool reads, bool writes) {
    auto found = watches_.find(socket);
    if (!reads && !writes) {
      if (found == watches_.end()) return;
      found->second->descriptor.release();  // c-ares closes it
      watches_.erase(found);
      return;
    }
    if (found == watches_.end()) {
      found = watches_.emplace(socket, std::make_shared<Watch>(io_)).first;
      error_code error;
      found->second->descriptor.assign(socket, error);
      if (error) {
        watches_.erase(found);  // the query then times out
        return;
      }
    }
    found->second->reads = reads;
    found->second->writes = writes;
    wait(socket, found->second);
  }

  // Shared: a wait may end after c-ares has closed the socket, and another one has its number.
  void wait(ares_socket_t socket, const std::shared_ptr<Watch>& watch) {
    if (watch->reads && !watch->waits_to_read) {
      watch->waits_to_read = true;
      watch->descriptor.async_wait(Descriptor::wait_read, [this, socket, watch](error_code error) {
        watch->waits_to_read = false;
        ready(socket, watch, error, socket, ARES_SOCKET_BAD);
      });
    }
    if (watch->writes && !watch->waits_to_write) {
      watch->waits_to_write = true;
      watch->descriptor.async_wait(Descriptor::wait_write, [this, socket, watch](error_code error) {
        watch->waits_to_write = false;
        ready(socket, watch, error, ARES_SOCKET_BAD, socket);
      });
    }
  }

  void ready(ares_socket_t socket, const std::shared_ptr<Watch>& watch, error_code error,
             ares_socket_t readable, ares_socket_t writable) {
    if (error || !is_current(socket, watch)) return;
    ares_process_fd(channel_, readable, writable);
    if (is_current(socket, watch)) wait(socket, watch);
    set_timer();
  }

  bool is_current(ares_socket_t socket, const std::shared_ptr<Watch>& watch) const {
    const auto found = watches_.find(socket);
    return found != watches_.end() && found->second == watch;
  }

  void set_timer() {
    timeval storage{};
    const timeval* next = ares_timeout(channel_, nullptr, &storage);
    if (next == nullptr) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(std::chrono::seconds(next->tv_sec) +
                         std::chrono::microseconds(next->tv_usec));
    timer_.async_wait([this](error_code error) {
      if (error) return;
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      set_timer();
    });
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  std::map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  ares_channel channel_ = nullptr;
  int status_ = ARES_SUCCESS;
};

NameResolver::NameResolver(boost::asio::io_context& io) : impl_(std::make_unique<Impl>(io)) {}
NameResolver::~NameResolver() = default;

void NameResolver::look_up(const std::string& name, Done done) {
  impl_->look_up(name, std::move(done));
}

}  // namespace omnisandbox::egress
