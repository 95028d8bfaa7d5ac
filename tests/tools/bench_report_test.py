"""The benchmarks' report: intervals, what counts as a missed bar, the page, and charts that are XML."""
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, sys.argv.pop(1))
import chart  # noqa: E402  (the folder is an argument)
import intervals  # noqa: E402
import report  # noqa: E402
import whole_commands  # noqa: E402


class Report(unittest.TestCase):
    def test_intervals_hold_the_median_and_get_narrower(self):
        few, many = [10, 11, 12, 13, 14], [10, 11, 12, 13, 14] * 20
        for values in (few, many):
            low, middle, high = intervals.interval(values)
            self.assertEqual(middle, 12)
            self.assertTrue(10 <= low <= 12 <= high <= 14)
        self.assertLess(intervals.interval(many)[2] - intervals.interval(many)[0], intervals.interval(few)[2] - intervals.interval(few)[0])
        self.assertEqual(intervals.interval([7]), (7, 7, 7))
        self.assertEqual(intervals.ratios([2, 9], [1, 3]), [2, 3])

    def test_a_bar_is_missed_when_the_whole_interval_is_beyond_it(self):
        ratio = {"low": 1.1, "median": 1.5, "high": 1.9}
        self.assertIn("met", report.verdict({**ratio, "bar": 1.5}))
        self.assertIn("open", report.verdict({**ratio, "bar": 1.2}))
        self.assertIn("missed", report.verdict({**ratio, "bar": 1.0}))
        self.assertEqual(report.verdict({**ratio, "bar": None}), "")

    def test_ratios_name_what_they_compare(self):
        title, ours, peers = whole_commands.WORKLOADS["javascript"]
        (ratio,) = report.ratios_of_commands({"javascript": {ours: [40, 50, 60], "node -e": [20, 25, 30]}})
        self.assertEqual((ratio["median"], ratio["against"], ratio["bar"], ratio["what"]), (2, "node -e", peers["node -e"], title))

    def test_the_page_has_every_figure(self):
        ratio = {"what": "a thing", "ours": "ours", "against": "theirs", "low": 1.0, "median": 1.25, "high": 1.5, "bar": 2}
        text = report.page({"time": "now", "machine": {"cpu": "c", "cores": 2, "kernel": "k", "load": [0.5]}, "ratios": [ratio],
                            "left_out": {"crun": "it is not installed"}, "charts": ["python"],
                            "runs": {"in flight 64": {"worker": {"unit": "runs_per_second", "rounds": [15000.0, 16000.0, 17000.0],
                                                                 "threads": 66, "descriptors": 28}}},
                            "footprint": [{"what": "a session", "count": 1000, "memory_kib_each": 1461.4, "private_kib_each": 1400.0,
                                           "descriptors_each": 0.5, "threads_each": 0, "processes_each": 0}],
                            "containers": [{"part": "a pool", "name": "docker exec", "median_ms": 44.25, "lowest_ms": 40.0, "highest_ms": 50.0},
                                           {"part": "a pool", "what": "pool / docker exec", "value": 0.05, "relation": "at most", "bar": 0.2,
                                            "met": True}],
                            "micro": {"a_bench": {"benchmarks": [{"name": "BM/x", "unit": "us", "times": [1.0, 2.0, 3.0]}]},
                                      "b_bench": {"error": "no engine"}}})
        for part in ("1.25 [1.00 … 1.50]", "≤ 2: met", "crun (it is not installed)", "python.svg", "`BM/x`", "2.00 us", "no engine",
                     "16,000 [15,000 … 17,000]", "66 | 28", "1,461 KiB", "44.2 ms", "at most 0.2: met"):
            self.assertIn(part, text)

    def test_charts_are_xml_with_a_bar_for_each(self):
        text = chart.bars("a < b", "ms", [("ours & mine", 1, 2, 3, True), ("theirs", 4, 5, 6, False)])
        found = xml.etree.ElementTree.fromstring(text)
        bars = [one for one in found if one.tag.endswith("rect")][1:]
        self.assertEqual(len(bars), 2)
        self.assertAlmostEqual(float(bars[1].get("width")) / float(bars[0].get("width")), 2.5, places=1)


if __name__ == "__main__":
    unittest.main()
