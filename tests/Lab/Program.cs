using Forwarder.Lab;

const string Usage = """
    forwarder-lab demo [--keep]   scenario S1 with the real director, under load, with a table at the end
    forwarder-lab failover RUNS INTERVAL_MS [-6]   crashes the active one of two directors under load; times at the end
    forwarder-lab sweep           removes what labs of dead processes have left
    forwarder-lab down            removes all labs, also those kept
    """;

switch (args)
{
    case ["demo"] or ["demo", "--keep"]:
        return Demo.Run(keep: args.Length == 2);
    case ["failover", string runs, string interval, .. [] or ["-6"]] when int.TryParse(runs, out int r) && r > 0 && int.TryParse(interval, out int ms) && ms is >= 10 and <= 40_950 && ms % 10 == 0:
        return Failover.Report(r, ms, isIPv6: args.Length == 4);
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
