using Forwarder.Lab;

const string Usage = """
    forwarder-lab demo [--keep]   scenario S1 with the real director, under load, with a table at the end
    forwarder-lab sweep           removes what labs of dead processes have left
    forwarder-lab down            removes all labs, also those kept
    """;

switch (args)
{
    case ["demo"] or ["demo", "--keep"]:
        return Demo.Run(keep: args.Length == 2);
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
