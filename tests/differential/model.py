"""One policy of several layers, judged by the models of paths, hosts and commands. No effect, no cleverness, no code shared
with the product."""
import model_commands
import model_hosts
import model_paths

MIB = 1024 * 1024
# Limits with a default: name, default. Those that are not written in a narrower policy are the base's.
DEFAULTS = {"timeout": 30_000, "max_output_bytes": MIB, "max_write_bytes": 256 * MIB, "max_files_created": 10_000,
            "max_processes": 64, "max_open_files": 256, "max_concurrent_runs": 64, "max_host_calls": 1_000_000}
OPTIONAL = ("memory_limit_mb", "cpu_time_limit", "fuel_limit")
LIKE_OUTPUT = ("max_file_bytes", "max_response_bytes")


class Model:
    def __init__(self, configs, tree):
        self.configs = configs
        self.tree = tree
        self.paths = [model_paths.PathLayer(config, tree) for config in configs]
        self.hosts = [model_hosts.HostLayer(config) for config in configs]
        self.commands = [model_commands.CommandLayer(config, self.paths[:place + 1]) for place, config in enumerate(configs)]

    def errors(self):
        """The rules that make no sense, in the first layer that has one; any of them may be the one that is named."""
        for layers in zip(self.paths, self.hosts, self.commands):
            found = [error for layer in layers for error in layer.errors]
            if found:
                return found
        return []

    def answer(self, capability, resource):
        """(allowed, index of the deciding rule of the innermost layer or None). `None` for allowed: not defined."""
        if capability in (model_paths.READ, model_paths.WRITE):
            return model_paths.answer(self.paths, self.tree, capability, resource)
        if capability == "net_http":
            return model_hosts.answer(self.hosts, resource), None
        return model_commands.answer(self.commands, resource), None

    def limits(self):
        """Each limit is the smallest one that is written; a default counts for the first layer only."""
        first = {**DEFAULTS, **self.configs[0]}
        limits = {name: min([first[name], *(config[name] for config in self.configs[1:] if name in config)]) for name in DEFAULTS}
        for name in OPTIONAL:
            limits[name] = min((config[name] for config in self.configs if name in config), default=None)
        for name in LIKE_OUTPUT:
            of_first = first.get(name, first["max_output_bytes"])
            limits[name] = min([of_first, *(config[name] for config in self.configs[1:] if name in config)])
        return limits
