namespace Forwarder.Bench;

/// <summary>A program that is measured.</summary>
/// <param name="Name">Its name on the command line and in the result.</param>
/// <param name="Title">Its name in the table.</param>
/// <param name="Expect">What the generator checks in each packet that it samples; null for what the method makes of it.</param>
public sealed record MeasuredProgram(string Name, string Title, string? Expect)
{
    /// <summary>mbufs of the pool in every program.</summary>
    public const int Mbufs = 16_384;

    /// <summary>The floor.</summary>
    public static readonly MeasuredProgram Floor = new("floor", "floor (generator, sink)", "io");
    /// <summary>The dataplane, the reference, and what their cost is compared with.</summary>
    public static readonly MeasuredProgram Forwarder = new("forwarder", "forwarder-dataplane", null);
    public static readonly MeasuredProgram Reference = new("reference", "reference in C", null);
    public static readonly MeasuredProgram FiveTuple = new("5tswap", "testpmd 5tswap", "5tswap");

    /// <summary>Another build of the dataplane, to compare with.</summary>
    public static readonly MeasuredProgram Baseline = new("baseline", "baseline dataplane", null);

    private static readonly MeasuredProgram[] s_all = [Floor, new("io", "testpmd io", "io"), new("macswap", "testpmd macswap", "macswap"), FiveTuple, Reference, Forwarder];

    /// <summary>Whether it does a director's work.</summary>
    public bool IsDirector => Expect == null;

    /// <summary>Whether it is a build of the dataplane.</summary>
    public bool IsDataplane => this == Forwarder || this == Baseline;

    /// <summary>Finds a program by name.</summary>
    /// <exception cref="BenchException">There is none.</exception>
    public static MeasuredProgram Find(string name) =>
        Array.Find(s_all, p => p.Name == name) ?? throw new BenchException($"Unknown program {name}: {string.Join(", ", s_all.Select(p => p.Name))} are known.");

    /// <summary>Executable and arguments.</summary>
    public (string Path, List<string> Arguments) Command(Machine machine, BenchCase @case, BenchOptions options, string folder)
    {
        bool tcp = options.Tcp;
        if (IsDataplane)
        {
            string path = this == Forwarder ? machine.Repository("artifacts/publish/dataplane") : options.BaselineFolder!;
            return (Path.Combine(path, "forwarder-dataplane"), ["--config", Director.Prepare(machine, @case, tcp, folder)]);
        }

        List<string> eal = ["--lcores", $"0@{machine.HousekeepingCpu},1@{machine.WorkerCpu}", "--main-lcore", "0", "-m", $"{@case.MemoryMiB}",
            "--no-pci", "--vdev", "net_null0,size=60", "--no-telemetry", .. machine.Hugepages ? ["--in-memory"] : new[] { "--no-huge", "--no-shconf" }];
        return Name switch
        {
            "floor" => (machine.Native("forwarder-bench-floor"), eal),
            "reference" => (machine.Native("forwarder-bench-reference"), [.. eal, "--", "--flows", $"{@case.TableFlows}", "--proto", tcp ? "tcp" : "udp", "--ip", $"{@case.Method.IpVersion}", "--method", @case.Method.Expect]),
            _ => ("dpdk-testpmd", [.. eal, "--", $"--forward-mode={Name}", $"--total-num-mbufs={Mbufs}", "--mbcache=384", "--burst=32", "--auto-start", "--port-topology=loop", "--nb-cores=1", "--no-lsc-interrupt"]),
        };
    }
}
