#include "mcp/server.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/random_id.h"
#include "mcp/recording_exchange.h"
#include "runner/standard_backends.h"

namespace omnisandbox::mcp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* modern_meta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientCapabilities":{}})";

/// A server over a folder with a file in it, and one client.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::filesystem::create_directories(folder_ / "in");
    std::ofstream(folder_ / "in" / "note.txt") << "a note";
    std::ofstream(folder_ / "outside.txt") << "secret";
    use({.capabilities = {Capability::fs_read, Capability::fs_write},
         .allowed_paths = {(folder_ / "in").string()}});
  }
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void use(Config config) {
    server_.reset();
    auto policy = Policy::compile(std::move(config));
    ASSERT_TRUE(policy) << policy.error().message;
    auto audit = std::make_shared<runner::AuditTail>(nullptr, 100);
    server_ = std::make_unique<Server>(std::make_shared<Workspace>(
        Workspace{.policy = *policy,
                  .container = container_,
                  .audit = audit,
                  .runner = std::make_shared<runner::Runner>(runner::standard_backends(), audit)}));
    client_ = std::make_shared<DeafClient>();
  }

  std::shared_ptr<RecordingExchange> send(const std::string& text) {
    auto exchange = std::make_shared<RecordingExchange>();
    server_->receive(client_, text, exchange);
    return exchange;
  }
  /// The answer to a message; null where there is none.
  Json ask(const std::string& text) {
    const auto answer = send(text)->wait();
    return answer ? Json::parse(answer->text) : Json();
  }
  Json request(const std::string& method, const std::string& params = "{}") {
    return ask(R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}");
  }
  Json initialize(const std::string& revision = "2025-11-25") {
    return request("initialize",
                   R"({"protocolVersion":")" + revision +
                       R"(","capabilities":{},"clientInfo":{"name":"t","version":"1"}})");
  }
  Json call(const std::string& tool, const Json& arguments) {
    return request("tools/call", Json{{"name", tool}, {"arguments", arguments}}.dump());
  }
  std::string in(const char* name) const { return (folder_ / name).string(); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("omnisandbox-mcp-" + base::random_id());
  std::optional<DockerConfig> container_{};
  std::shared_ptr<Client> client_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, NegotiatesTheRevision) {
  for (const char* revision : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    client_ = std::make_shared<DeafClient>();
    const Json answer = initialize(revision);
    EXPECT_EQ(answer["result"]["protocolVersion"], revision);
    EXPECT_EQ(answer["result"]["serverInfo"]["name"], "omnisandbox");
  }
  for (const char* unknown : {"1999-01-01", "2026-07-28", "", "zzz"}) {
    client_ = std::make_shared<DeafClient>();
    EXPECT_EQ(initialize(unknown)["result"]["protocolVersion"], "2025-11-25") << unknown;
  }
}

TEST_F(ServerTest, NothingButPingComesBeforeTheHandshake) {
  EXPECT_EQ(request("ping")["result"], Json::object());
  EXPECT_EQ(request("tools/list")["error"]["code"], error_code::invalid_request);
  EXPECT_EQ(request("initialize", R"({"protocolVersion":5})")["error"]["code"],
            error_code::invalid_params);
  EXPECT_TRUE(initialize().contains("result"));
  EXPECT_EQ(initialize()["error"]["code"], error_code::invalid_request);
  EXPECT_TRUE(request("tools/list").contains("result"));
  EXPECT_EQ(request("no/such")["error"]["code"], error_code::method_not_found);
}

TEST_F(ServerTest, RequestsThatNameTheirRevisionNeedNoHandshake) {
  const std::string params = "{" + std::string(modern_meta) + "}";
  const Json discovered = request("server/discover", params);
  EXPECT_EQ(discovered["result"]["resultType"], "complete");
  EXPECT_THAT(discovered["result"]["supportedVersions"].dump(), HasSubstr("2026-07-28"));
  const Json listed = request("tools/list", params);
  EXPECT_EQ(listed["result"]["resultType"], "complete");
  EXPECT_TRUE(listed["result"].contains("ttlMs"));
  // What the revision has no more.
  EXPECT_EQ(request("logging/setLevel", params)["error"]["code"], error_code::method_not_found);
  // And what is malformed in it.
  EXPECT_EQ(request("server/discover")["error"]["code"], error_code::invalid_params);
  EXPECT_EQ(
      request(
          "tools/list",
          R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})")["error"]["code"],
      error_code::invalid_params);
  const Json unsupported =
      request("tools/list", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2031-01-01",)"
                            R"("io.modelcontextprotocol/clientCapabilities":{}}})");
  EXPECT_EQ(unsupported["error"]["code"], error_code::unsupported_protocol_version);
  EXPECT_THAT(unsupported["error"]["data"]["supported"].dump(), HasSubstr("2026-07-28"));
}

TEST_F(ServerTest, ListsOnlyWhatThePolicyCanGrant) {
  const auto names = [&] {
    std::set<std::string> found;
    client_ = std::make_shared<DeafClient>();
    initialize();
    const Json listed = request("tools/list");
    for (const Json& tool : listed["result"]["tools"]) {
      found.insert(tool["name"]);
    }
    return found;
  };
  use({});
  EXPECT_EQ(names(), (std::set<std::string>{"run_python", "run_javascript", "explain_policy"}));
  const Json refused = call("read_file", {{"path", "/etc/hostname"}});
  EXPECT_EQ(refused["error"]["code"], error_code::invalid_params);
  EXPECT_THAT(refused["error"]["message"].get<std::string>(), HasSubstr("capabilities: [fs_read]"));
  use({.capabilities = {Capability::fs_write, Capability::net_http, Capability::exec_run},
       .allowed_paths = {PathRule(folder_.string(), PathAccess::read)},
       .allowed_commands = {"true"}});
  EXPECT_EQ(names(), (std::set<std::string>{"run_python", "run_javascript", "run_command",
                                            "explain_policy"}));
  use({.capabilities = {Capability::fs_read, Capability::fs_write, Capability::net_http},
       .allowed_paths = {folder_.string()},
       .allowed_hosts = {"example.com"}});
  EXPECT_EQ(names(),
            (std::set<std::string>{"run_python", "run_javascript", "run_wasm", "read_file",
                                   "write_file", "list_files", "http_fetch", "explain_policy"}));
}

TEST_F(ServerTest, ContainersAreOfferedWhereTheyCanBeHad) {
  const Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}};
  use(config);
  initialize();
  EXPECT_THAT(request("tools/list").dump(), testing::Not(HasSubstr("run_container")));
  EXPECT_THAT(call("run_container", {{"command", "true"}})["error"]["message"].get<std::string>(),
              HasSubstr("docker: {image:"));
  container_ = DockerConfig{.image = "tools:1"};
  use(config);
  initialize();
  EXPECT_THAT(request("tools/list").dump(), HasSubstr("container of the image tools:1"));
  use({});
  initialize();
  EXPECT_THAT(request("tools/list").dump(), testing::Not(HasSubstr("run_container")));
}

TEST_F(ServerTest, OlderRevisionsGetNoFieldsThatTheyDoNotKnow) {
  initialize("2024-11-05");
  const Json tool = request("tools/list")["result"]["tools"][0];
  for (const char* field : {"title", "annotations", "outputSchema"}) {
    EXPECT_FALSE(tool.contains(field)) << field;
  }
  EXPECT_FALSE(
      call("read_file", {{"path", in("in/note.txt")}})["result"].contains("structuredContent"));
}

TEST_F(ServerTest, ReadsWritesAndLists) {
  initialize();
  const Json read = call("read_file", {{"path", in("in/note.txt")}})["result"];
  EXPECT_EQ(read["isError"], false);
  EXPECT_EQ(read["content"][0]["text"], "a note");
  EXPECT_EQ(read["structuredContent"]["size_bytes"], 6);
  EXPECT_EQ(call("write_file", {{"path", in("in/new.bin")},
                                {"content", "/wA="},
                                {"encoding", "base64"}})["result"]["isError"],
            false);
  const Json bytes = call("read_file", {{"path", in("in/new.bin")}})["result"];
  EXPECT_EQ(bytes["content"][0]["resource"]["blob"], "/wA=");
  EXPECT_EQ(bytes["structuredContent"]["encoding"], "base64");
  EXPECT_EQ(call("read_file", {{"path", in("in/note.txt")},
                               {"offset", 2},
                               {"length", 3}})["result"]["content"][0]["text"],
            "not");
  const Json listed = call("list_files", {{"path", in("in")}})["result"]["structuredContent"];
  ASSERT_EQ(listed["entries"].size(), 2U);
  EXPECT_EQ(listed["entries"][0]["name"], "new.bin");
  EXPECT_EQ(listed["entries"][1]["type"], "file");
}

TEST_F(ServerTest, ADenialNamesRuleReasonAndThePolicyLine) {
  initialize();
  for (const char* tool : {"read_file", "list_files", "write_file"}) {
    Json arguments = {{"path", in("outside.txt")}};
    if (std::string_view(tool) == "write_file") {
      arguments["content"] = "overwritten";
    }
    const Json result = call(tool, arguments)["result"];
    EXPECT_EQ(result["isError"], true);
    const std::string text = result["content"][0]["text"];
    EXPECT_THAT(text, HasSubstr("denied: "));
    EXPECT_THAT(text, HasSubstr("rule: "));
    EXPECT_THAT(text, HasSubstr("reason: "));
    EXPECT_THAT(text, HasSubstr("the policy line that would allow it: "));
    EXPECT_THAT(text, testing::Not(HasSubstr("secret")));
  }
  std::string kept;
  std::getline(std::ifstream(folder_ / "outside.txt"), kept);
  EXPECT_EQ(kept, "secret");
}

TEST_F(ServerTest, WrongArgumentsAreSaidToTheModel) {
  initialize();
  const Json result = call("read_file", {{"file", "/x"}})["result"];
  EXPECT_EQ(result["isError"], true);
  EXPECT_THAT(result["content"][0]["text"].get<std::string>(), HasSubstr("\"path\" is missing"));
  EXPECT_EQ(request("tools/call", R"({"name":"read_file","arguments":[]})")["error"]["code"],
            error_code::invalid_params);
  EXPECT_EQ(request("tools/call", R"({"name":"no_such"})")["error"]["code"],
            error_code::invalid_params);
  EXPECT_EQ(request("tools/call", R"({})")["error"]["code"], error_code::invalid_params);
}

TEST_F(ServerTest, ExplainsThePolicyAndShowsItAndTheAudit) {
  initialize();
  const Json answer =
      call("explain_policy", {{"capability", "fs_read"}, {"resource", "/etc/shadow"}})["result"];
  EXPECT_EQ(answer["isError"], false);
  EXPECT_EQ(answer["structuredContent"]["allowed"], false);
  EXPECT_THAT(answer["content"][0]["text"].get<std::string>(), HasSubstr("policy line"));
  call("read_file", {{"path", in("in/note.txt")}});
  ASSERT_EQ(request("resources/list")["result"]["resources"].size(), 2U);
  const auto text_of = [&](const char* uri) {
    return request("resources/read",
                   std::string(R"({"uri":")") + uri + "\"}")["result"]["contents"][0]["text"]
        .get<std::string>();
  };
  EXPECT_EQ(Json::parse(text_of("omnisandbox://policy"))["allowed"]["fs_read"],
            Json::array({in("in")}));
  EXPECT_THAT(text_of("omnisandbox://audit"), HasSubstr("note.txt"));
  EXPECT_EQ(request("resources/read", R"({"uri":"file:///etc/passwd"})")["error"]["code"],
            error_code::resource_not_found);
}

TEST_F(ServerTest, DenialsAreLoggedFromTheLevelThatTheClientSets) {
  initialize();
  const std::string asking =
      R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file",)"
      R"("arguments":{"path":"/etc/shadow"}}})";
  const auto logged = [&] {
    auto exchange = send(asking);
    exchange->wait();
    return exchange->notifications();
  };
  ASSERT_EQ(logged().size(), 1U);
  EXPECT_THAT(logged()[0], HasSubstr("\"level\":\"warning\""));
  EXPECT_TRUE(request("logging/setLevel", R"({"level":"error"})").contains("result"));
  EXPECT_THAT(logged(), IsEmpty());
  EXPECT_TRUE(request("logging/setLevel", R"({"level":"debug"})").contains("result"));
  EXPECT_EQ(logged().size(), 2U);
  EXPECT_EQ(request("logging/setLevel", R"({"level":"loud"})")["error"]["code"],
            error_code::invalid_params);
}

TEST_F(ServerTest, BatchesBelongToTheRevisionsThatHaveThem) {
  initialize("2025-03-26");
  const Json answers = ask(
      R"([{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},)"
      R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_files","arguments":{"path":")" +
      in("in") + R"("}}}, 5])");
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_TRUE(ask(R"([{"jsonrpc":"2.0","method":"notifications/initialized"}])").is_null());
  EXPECT_EQ(ask("[]")["error"]["code"], error_code::invalid_request);
  client_ = std::make_shared<DeafClient>();
  initialize("2025-06-18");
  EXPECT_EQ(ask(R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])")["error"]["code"],
            error_code::invalid_request);
}

TEST_F(ServerTest, NotificationsAreNeverAnswered) {
  for (const char* text :
       {R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}})",
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}})",
        R"({"jsonrpc":"2.0","method":"no/such"})", R"({"jsonrpc":"2.0","id":4,"result":{}})"}) {
    EXPECT_TRUE(ask(text).is_null()) << text;
  }
}

/// A client that keeps what belongs to no request.
class ListeningClient final : public Client {
 public:
  void push(const std::string& message) override { heard.push_back(Json::parse(message)); }
  std::vector<Json> heard;
};

Tool named_tool(const std::string& name) {
  return {.name = name,
          .title = name,
          .description = "A tool",
          .input_schema = {{"type", "object"}},
          .output_schema = {},
          .hints = {},
          .call = [](const ParsedJson&, const CallContext&) {
            ToolResult result;
            result.content.push_back({{"type", "text"}, {"text", "called"}});
            return result;
          }};
}

class ChangingTools : public ServerTest {
 protected:
  ChangingTools() { server_->expect_more_tools(); }
  std::set<std::string> names(const Json& answer) {
    std::set<std::string> names;
    for (const Json& tool : answer["result"]["tools"]) {
      names.insert(tool["name"].get<std::string>());
    }
    return names;
  }
};

TEST_F(ChangingTools, ClientsAreToldWhatHasChanged) {
  const auto client = std::make_shared<ListeningClient>();
  client_ = client;
  EXPECT_EQ(initialize()["result"]["capabilities"]["tools"]["listChanged"], true);
  server_->offer({.tools = {named_tool("one")}, .problems = {"two.wasm: broken"}});
  EXPECT_THAT(client->heard, IsEmpty()) << "before it says that it is initialized";
  EXPECT_TRUE(names(request("tools/list")).contains("one"));
  ask(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  ASSERT_EQ(client->heard.size(), 1U);
  EXPECT_EQ(client->heard[0]["params"]["data"]["problem"], "two.wasm: broken");

  server_->offer({.tools = {named_tool("one")}, .problems = {"two.wasm: broken"}});
  EXPECT_EQ(client->heard.size(), 1U) << "nothing is new";
  server_->offer({.tools = {named_tool("three")}, .problems = {"two.wasm: broken", "a: b"}});
  ASSERT_EQ(client->heard.size(), 3U);
  EXPECT_EQ(client->heard[1]["params"]["data"]["problem"], "a: b");
  EXPECT_EQ(client->heard[2]["method"], "notifications/tools/list_changed");
  EXPECT_EQ(call("three", Json::object())["result"]["content"][0]["text"], "called");
  EXPECT_EQ(call("one", Json::object())["error"]["code"], error_code::invalid_params);
}

TEST_F(ChangingTools, WhoAsksTooEarlyWaits) {
  initialize();
  const auto list = send(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})");
  const auto late = send(
      R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"one","arguments":{}}})");
  EXPECT_TRUE(
      call("explain_policy", {{"capability", "fs_read"}, {"resource", "/"}}).contains("result"));
  server_->offer({.tools = {}, .progress = Server::MoreTools::Progress::partial});
  EXPECT_EQ(list->finished() + late->finished(), 0);
  server_->offer({.tools = {named_tool("one")}});
  EXPECT_TRUE(names(Json::parse(list->wait()->text)).contains("one"));
  EXPECT_EQ(Json::parse(late->wait()->text)["result"]["content"][0]["text"], "called");
}

TEST_F(ChangingTools, SubscriptionsOfTheRevisionWithoutAHandshake) {
  server_->offer({});
  const auto subscribe = [&](const std::string& wanted, int id) {
    return send(R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
                R"(,"method":"subscriptions/listen","params":{"notifications":)" + wanted + "," +
                modern_meta + "}}");
  };
  const auto open = subscribe(R"({"toolsListChanged":true,"promptsListChanged":true})", 7);
  ASSERT_EQ(open->notifications().size(), 1U);
  const Json acknowledged = Json::parse(open->notifications()[0]);
  EXPECT_EQ(acknowledged["method"], "notifications/subscriptions/acknowledged");
  EXPECT_EQ(acknowledged["params"]["notifications"], Json({{"toolsListChanged", true}}));
  EXPECT_EQ(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
  EXPECT_EQ(open->finished(), 0);

  const auto nothing = subscribe(R"({"promptsListChanged":true})", 8);
  EXPECT_EQ(nothing->notifications().size(), 1U);
  EXPECT_TRUE(Json::parse(nothing->wait()->text).contains("result"));

  server_->offer({.tools = {named_tool("one")}});
  ASSERT_EQ(open->notifications().size(), 2U);
  const Json changed = Json::parse(open->notifications()[1]);
  EXPECT_EQ(changed["method"], "notifications/tools/list_changed");
  EXPECT_EQ(changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);

  ask(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}})");
  server_->offer({});
  EXPECT_EQ(open->notifications().size(), 2U) << "nothing after the cancellation";
  EXPECT_FALSE(open->answer());

  const auto last = subscribe(R"({"toolsListChanged":true})", 9);
  server_->stop();
  EXPECT_EQ(
      Json::parse(last->wait()->text)["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
      9);
  const auto late = subscribe(R"({"toolsListChanged":true})", 10);
  EXPECT_TRUE(Json::parse(late->wait()->text).contains("error"));
}

TEST_F(ServerTest, AListThatCannotChangeHasNoSubscriptions) {
  const auto answer = ask(
      std::string(
          R"({"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{},)") +
      modern_meta + "}}");
  EXPECT_EQ(answer["error"]["code"], error_code::method_not_found);
  EXPECT_FALSE(initialize()["result"]["capabilities"]["tools"].contains("listChanged"));
}

}  // namespace
}  // namespace omnisandbox::mcp
