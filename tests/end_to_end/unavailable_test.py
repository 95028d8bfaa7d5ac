"""What this build does not have yet answers clearly: status failed, kind unavailable, exit code 125."""

import support
from support import Case


class Unavailable(Case):
    def assert_unavailable(self, *args):
        done, result = self.run_json(*args)
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (125, "failed", "unavailable"), str(done))
        return result["error"]["message"]

    def test_the_docker_sandbox(self):
        policy = self.policy(capabilities=["exec_run"], allowed_commands=["true"])
        self.assertIn("no docker sandbox",
                      self.assert_unavailable("run", "--policy", policy, "--image", "alpine", "--json", "true"))


if __name__ == "__main__":
    support.main()
