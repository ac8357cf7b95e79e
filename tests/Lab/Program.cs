using Forwarder.Lab;

const string Usage = """
    forwarder-lab demo [--keep]   scenario S1 with the real director, under load, with a table at the end
    forwarder-lab failover RUNS INTERVAL_MS [-6]   crashes the active one of two directors under load; times at the end
    forwarder-lab soak SECONDS IDLE_FLOWS NEW_PER_S   idle flows, and new ones beside them; whether they end in time and all is counted
    forwarder-lab sweep           removes what labs of dead processes have left
    forwarder-lab down            removes all labs, also those kept
    """;

switch (args)
{
    case ["demo"] or ["demo", "--keep"]:
        return Demo.Run(keep: args.Length == 2);
    case ["failover", string runs, string interval, .. [] or ["-6"]] when int.TryParse(runs, out int r) && r > 0 && int.TryParse(interval, out int ms) && ms is >= 10 and <= 40_950 && ms % 10 == 0:
        return Failover.Report(r, ms, isIPv6: args.Length == 4);
    case ["soak", string seconds, string flows, string rate] when int.TryParse(seconds, out int s) && s is >= 30 and <= 3_600 && int.TryParse(flows, out int f) && f is >= 1 and <= 5_000_000 && int.TryParse(rate, out int n) && n is >= 100 and <= 50_000:
        return Soak.Report(s, f, n);
    case ["sweep"]:
        Instance.Sweep();
        return 0;
    case ["down"]:
        Instance.SweepAll();
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}
