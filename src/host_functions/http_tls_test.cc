#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "egress/http_test_server.h"
#include "host_functions/http_test_run.h"
#include "host_functions/network_test_space.h"

// TLS against a real server (Python's), in a network where the test's own certificates are the
// system's.
namespace omnisandbox::host_functions {
namespace {

using namespace std::chrono_literals;
using test::HttpRun;
using test::in_own_network;
using test::NameServer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Writes each request line to the file argv[4]. "/drop" is answered by closing the connection in
// the middle of the request's body.
constexpr const char* server_script = R"python(
import os, socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
def serve(connection):
    try:
        with context.wrap_socket(connection, server_side=True) as peer:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = peer.recv(4096)
                if not piece:
                    return
                head += piece
            with open(sys.argv[4], "ab") as log:
                log.write(head.split(b"\r\n")[0] + b"\n")
            if b" /drop " in head:
                linger = b"\x01\0\0\0\0\0\0\0"
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            body = b"secure"
            if b" /away " in head:
                peer.sendall(b"HTTP/1.1 302 X\r\nLocation: http://good.example/\r\nContent-Length: 0\r\n\r\n")
                return
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except OSError:
        pass
def leave():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=leave, daemon=True).start()
listener = socket.create_server(("93.184.216.34", int(sys.argv[3])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
)python";

bool run_command(const std::string& command) { return std::system(command.c_str()) == 0; }

// A self-signed certificate and its key, for `names` such as "DNS:good.example".
bool make_certificate(const std::filesystem::path& stem, const std::string& names) {
  return run_command(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
      "/CN=test -addext 'subjectAltName=" +
      names + "' -keyout '" + stem.string() + ".key' -out '" + stem.string() + ".pem' 2>/dev/null");
}

class TlsServer {
 public:
  TlsServer(const std::filesystem::path& stem, std::uint16_t port) : log_(stem.string() + ".log") {
    std::ofstream(stem.string() + ".py") << server_script;
    const std::string base = "'" + stem.string();
    process_ = ::popen(("python3 " + base + ".py' " + base + ".pem' " + base + ".key' " +
                        std::to_string(port) + " '" + log_ + "'")
                           .c_str(),
                       "w");
    for (int attempt = 0; attempt < 500 && !is_listening(port); ++attempt)
      std::this_thread::sleep_for(10ms);
  }
  ~TlsServer() { ::pclose(process_); }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::string requests() const {
    std::ifstream file(log_);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }

 private:
  static bool is_listening(std::uint16_t port) {
    const linux_::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "93.184.216.34", &address.sin_addr);
    return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  std::string log_;
  FILE* process_ = nullptr;
};

TEST(HttpTls, CertificatesAreVerified) {
  in_own_network([](const std::filesystem::path& folder) {
    if (!run_command("python3 -c 'import ssl' 2>/dev/null") ||
        !run_command("openssl version >/dev/null 2>&1")) {
      GTEST_SKIP() << "python3 with ssl, or openssl, is missing";
    }
    ASSERT_TRUE(make_certificate(folder / "trusted", "DNS:good.example,DNS:also.example"));
    ASSERT_TRUE(make_certificate(folder / "stranger", "DNS:good.example,IP:93.184.216.34"));
    std::ifstream trusted(folder / "trusted.pem");
    const char* bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (bundle == nullptr || !std::filesystem::exists(bundle))
      GTEST_SKIP() << "libcurl has no file of certificates here";
    test::replace_file(folder, bundle, std::string((std::istreambuf_iterator<char>(trusted)), {}));

    NameServer dns(
        [](const std::string&, int) { return std::vector<std::string>{"93.184.216.34"}; });
    TlsServer good(folder / "trusted", 443);
    TlsServer stranger(folder / "stranger", 8443);
    egress::test::Server plain(egress::test::Server::answering([](const auto&) {
                                 return egress::test::response(200, {}, "plain");
                               }),
                               "93.184.216.34", 80);
    HttpRun run({"*", "https://*:8443"});
    EXPECT_EQ(run.answer("https://good.example/"), "200 secure");
    EXPECT_EQ(run.answer("https://GOOD.example./dot"), "200 secure");
    EXPECT_EQ(run.answer("https://also.example/"), "200 secure");
    EXPECT_THAT(
        run.answer("https://wrong.example/hidden"),
        HasSubstr("io: GET https://wrong.example/hidden: the server's certificate is not trusted"));
    EXPECT_THAT(run.answer("https://93.184.216.34/hidden"),
                HasSubstr("certificate is not trusted"));
    EXPECT_THAT(run.answer("https://good.example:8443/hidden"),
                HasSubstr("certificate is not trusted"));
    EXPECT_THAT(run.answer("https://93.184.216.34:8443/hidden"),
                HasSubstr("certificate is not trusted"));
    EXPECT_THAT(good.requests(), testing::Not(HasSubstr("hidden")));
    EXPECT_EQ(stranger.requests(), "");

    // From https to http is another origin.
    EXPECT_EQ(run.answer("https://good.example/away"), "200 plain");
    HttpRun https_only({"https://good.example"});
    EXPECT_THAT(https_only.answer("https://good.example/away"),
                HasSubstr("allows port 443, not 80 (after a redirect from https://good.example)"));

    // A peer that goes away in mid-request is an error, not a signal.
    for (int i = 0; i < 5; ++i) {
      EXPECT_THAT(run.answer(HttpRequest{.url = "https://good.example/drop",
                                         .method = "POST",
                                         .body = std::string(20'000'000, 'x')}),
                  StartsWith("io: "));
    }
    EXPECT_EQ(run.answer("https://good.example/"), "200 secure");
  });
}

}  // namespace
}  // namespace omnisandbox::host_functions
