using System.Globalization;

namespace Forwarder.Bench;

/// <summary>What is measured.</summary>
public sealed record BenchOptions
{
    /// <summary>Usage text.</summary>
    public const string Usage = """
        Usage: script/bench [--smoke | --quick | --full] [OPTION...]
          --smoke         a few seconds, to see that all parts work (continuous integration)
          --quick         direct routing with 1 k, 64 k and 1 M flows in random order, 1 k and 1 M by Zipf; the other methods with
                          1 k, 64 k and 1 M flows in random order; 10 M new flows (default; a quarter of an hour)
          --full          more rounds; direct routing also with 16 M flows where memory allows
          --methods M,M   only these methods: dr, dr6, ipip, gue, nat, nat6, fullnat, fullnat6
          --flows N,N     these flow counts instead
          --order O,O     these orders instead: random, zipf, new (each packet is of a new flow)
          --programs P,P  only these: io, macswap, 5tswap, reference, forwarder (the floor is always measured; testpmd's
                          three only beside dr)
          --rounds N      rounds; each program runs once in a round
          --slices N      good slices of 16,384 packets in a run
          --proto P       udp (default) or tcp
          --baseline DIR  another build of the dataplane (a publish folder), measured beside this one
          --json FILE     write the result there, too
        """;

    /// <summary>Name of the mode.</summary>
    public string Mode { get; init; } = "quick";
    /// <summary>Cases in the order in which they are measured.</summary>
    public IReadOnlyList<BenchCase> Cases { get; init; } = [];
    /// <summary>Programs beside the floor.</summary>
    public IReadOnlyList<MeasuredProgram> Programs { get; init; } = [];
    /// <summary>Rounds of each case, and slices of a run.</summary>
    public int Rounds { get; init; } = 5;
    public int Slices { get; init; } = 1_000;
    /// <summary>Whether flows are TCP.</summary>
    public bool Tcp { get; init; }
    /// <summary>Folder of another build of the dataplane, or null.</summary>
    public string? BaselineFolder { get; init; }
    /// <summary>Where to write JSON, or null.</summary>
    public string? JsonPath { get; init; }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="BenchException">An option is unknown or its value is not allowed.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        if (arguments.Contains("--help"))
        {
            throw new BenchException(Usage);
        }

        BenchOptions options = new();
        string? flows = null, orders = null, methods = null, programs = "io,macswap,5tswap,reference,forwarder";
        int? rounds = null, slices = null;
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            string Value() => ++i < arguments.Length ? arguments[i] : throw new BenchException($"{name} needs a value.\n{Usage}");
            switch (name)
            {
                case "--smoke" or "--quick" or "--full": options = options with { Mode = name[2..] }; break;
                case "--flows": flows = Value(); break;
                case "--order": orders = Value(); break;
                case "--methods": methods = Value(); break;
                case "--programs": programs = Value(); break;
                case "--rounds": rounds = Number(name, Value(), 100); break;
                case "--slices": slices = Number(name, Value(), 65_536); break;
                case "--proto": options = options with { Tcp = Value() is var p && p == "tcp" || (p == "udp" ? false : throw new BenchException("--proto is udp or tcp.")) }; break;
                case "--baseline": options = options with { BaselineFolder = Path.GetFullPath(Value()) }; break;
                case "--json": options = options with { JsonPath = Value() }; break;
                default: throw new BenchException($"Unknown option {name}.\n{Usage}");
            }
        }

        (int modeRounds, int modeSlices) = options.Mode switch { "smoke" => (1, 100), "full" => (11, 3_000), _ => (5, 700) };
        return options with
        {
            Cases = flows == null && orders == null ? [.. ModeCases(options.Mode).Where(c => methods == null || methods.Split(',').Select(BenchMethod.Find).Contains(c.Method))] : Cross(methods ?? "dr", flows ?? "1024,65536,1048576", orders ?? "random"),
            Programs = [.. programs.Split(',').Select(p => MeasuredProgram.Find(p)), .. options.BaselineFolder != null ? [MeasuredProgram.Baseline] : Array.Empty<MeasuredProgram>()],
            Rounds = rounds ?? modeRounds,
            Slices = slices ?? modeSlices,
        };
    }

    private static List<BenchCase> ModeCases(string mode)
    {
        string others = string.Join(',', BenchMethod.All.Select(m => m.Name).Where(n => n != "dr"));
        return mode switch
        {
            "smoke" => [.. Cross("dr," + others, "1024", "random"), .. Cross("dr,fullnat", "600000", BenchCase.NewOrder)],
            "full" => [.. Cross("dr", "1024,65536,1048576,16777216", "random,zipf"), .. Cross(others, "1024,65536,1048576", "random,zipf"), .. Cross("dr,fullnat", "10000000", BenchCase.NewOrder)],
            _ => [.. Cross("dr", "1024,65536,1048576", "random"), .. Cross("dr", "1024,1048576", "zipf"), .. Cross(others, "1024,65536,1048576", "random"), .. Cross("dr,fullnat", "10000000", BenchCase.NewOrder)],
        };
    }

    private static List<BenchCase> Cross(string methods, string flows, string orders) =>
    [
        .. from method in methods.Split(',').Select(BenchMethod.Find)
           from order in orders.Split(',')
           from count in flows.Split(',')
           select new BenchCase(method, Number("--flows", count, 33_554_432), order is "random" or "zipf" or BenchCase.NewOrder ? order : throw new BenchException("--order is random, zipf or new.")),
    ];

    private static int Number(string name, string text, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= max
            ? value
            : throw new BenchException($"{name} {text}: a number from 1 to {max} is expected.");
}
