using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Forwarder.Abi;
using Xunit.Abstractions;

namespace Forwarder.Process.Tests;

/// <summary>A dataplane that cannot start says what is wrong, where, and what is allowed: on stderr and in the region.</summary>
public sealed class StartTests(ITestOutputHelper output) : IDisposable
{
    private readonly Bed _bed = new();

    public void Dispose() => _bed.Dispose();

    public static TheoryData<string, string, string> BadValues() => new()
    {
        { "workerCpus", "[]", "workerCpus: 0 given, 1 to 64 allowed" },
        { "workerCpus", "[4000]", "workerCpus[0]: this process may not use CPU 4000; it may use 0" },
        { "workerCpus", "[0, 1]", "The region has 1 worker block(s), the configuration 2 worker(s)" },
        { "housekeepingCpu", "-1", "housekeepingCpu: this process may not use CPU -1" },
        { "ports", "[]", "ports: 0 given, 1 to 16 allowed" },
        { "mbufs", "1000", "mbufs: 1000 are too few; needed are 5216 = 512 in Rx rings + 512 in Tx rings" },
        { "memoryMiB", "0", "memoryMiB: 0; allowed are 1 to 1048576" },
        { "memoryMiB", "16", "memoryMiB 16" },
        { "hugepages", "\"sometimes\"", "hugepages: \"sometimes\"; allowed are auto, required, never" },
        { "idle", "\"never\"", "idle: \"never\"; allowed are auto, spin, backoff" },
        { "flowsPerWorker", "12", "flowsPerWorker: 12; allowed are 1024 to 33554432" },
        { "filePrefix", "\"a/b\"", "filePrefix: \"a/b\" must be a file name" },
        { "ealArguments", "[\"--no-such-argument\"]", "DPDK's EAL does not start: Invalid argument" },
        { "ports[0].name", "\"\"", "ports[0] ().name: 1 to 63 bytes are allowed" },
        { "ports[0].device", "\"\"", "ports[0] (lan).device: empty" },
        { "ports[0].device", "\"net_af_packet0\"", "ports[0] (lan).device: \"net_af_packet0\" needs an argument iface=NAME" },
        { "ports[0].device", "\"net_af_packet0,iface=nosuch0\"", "ports[0] (lan).device: there is no network interface nosuch0" },
        { "ports[0].device", "\"net_af_xdp0,iface=nosuch0\"", "ports[0] (lan).device: there is no network interface nosuch0" },
        { "ports[0].device", "\"net_nonsense0\"", "net_nonsense0" },
        { "ports[0].device", "\"0000:7f:1f.7\"", "ports[0] (lan).device: there is no PCI device 0000:7f:1f.7" },
        { "ports[0].device", "\"net_pcap0,rx_pcap=/nosuch.pcap\"", "net_pcap0" },
        { "ports[0].mtuBytes", "100", "ports[0] (lan).mtuBytes: 100; allowed are 576 to 9600" },
        { "ports[0].rxDescriptors", "1", "ports[0] (lan).rxDescriptors: 1; allowed are 64 to 32768" },
        { "ports[0].exception", "\"much-too-long-a-name\"", "ports[0] (lan).exception: \"much-too-long-a-name\"; 1 to 15 bytes are allowed" },
        { "ports[0].exception", "\"dp\"", "ports[0] (lan).exception: TAP device dp cannot be made" },
    };

    [Theory]
    [MemberData(nameof(BadValues))]
    public void ABadValueIsNamed(string field, string value, string message)
    {
        JsonObject json = Json();
        JsonObject owner = field.StartsWith("ports[0].", StringComparison.Ordinal) ? json["ports"]![0]!.AsObject() : json;
        owner[field.Split('.')[^1]] = JsonNode.Parse(value);
        Refused(json.ToJsonString(), message, inRegion: true);
    }

    [Theory]
    [InlineData("{", "dataplane.json cannot be read: ")]
    [InlineData("null", "dataplane.json is empty")]
    [InlineData("[]", "dataplane.json cannot be read: ")]
    [InlineData("""{"nonsense": 1}""", "'nonsense' could not be mapped")]
    [InlineData("""{"regionPath": "/nowhere/region"}""", "'filePrefix'")]
    public void AFileThatIsNoConfigurationIsRefused(string json, string message) => Refused(json, message, inRegion: false);

    [Fact]
    public void AnUnknownFieldIsNamed()
    {
        JsonObject json = Json();
        json["ports"]![0]!["mtu"] = 1500;
        Refused(json.ToJsonString(), "'mtu' could not be mapped", inRegion: false);
    }

    [Fact]
    public void TwoPortsOfOneNameOrDeviceAreRefused()
    {
        JsonObject json = Json();
        json["ports"]!.AsArray().Add(json["ports"]![0]!.DeepClone());
        Refused(json.ToJsonString(), "ports[1] (lan).name: ports[0] has the same", inRegion: true);
        json["ports"]![1]!["name"] = "wan";
        Refused(json.ToJsonString(), "ports[1] (wan).device: ports[0] has the same: net_af_packet0,iface=dp", inRegion: true);
    }

    [Fact]
    public void ARegionThatIsNotThereOrOfAnotherVersionIsRefused()
    {
        JsonObject json = Json();
        json["regionPath"] = "/nowhere/region";
        Refused(json.ToJsonString(), "Region /nowhere/region cannot be opened", inRegion: false);
        _bed.Region.Header.Version++;
        Refused(Json().ToJsonString(), $"has version {RegionHeader.CurrentVersion + 1}, this program has version {RegionHeader.CurrentVersion}", inRegion: false);
        _bed.Region.Header.Version--;
        _bed.Region.Header.Magic = 1;
        Refused(Json().ToJsonString(), "is not a region of Forwarder: it starts with 0x0000000000000001", inRegion: false);
    }

    [Fact]
    public void MoreWorkersThanQueuesAreRefused()
    {
        using Bed bed = new(workers: 2);
        using DataplaneProcess dataplane = bed.Start();
        Assert.Equal(1, dataplane.WaitForExit());
        Assert.Contains("ports[0] (lan): 2 workers need 2 Rx and Tx queues, net_af_packet0,iface=dp has 1 and 1. (net_af_packet takes qpairs=N", dataplane.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ASecondDataplaneOnTheRegionIsRefusedAndTheFirstRunsOn()
    {
        DataplaneProcess first = _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        DataplaneProcess second = _bed.Start();
        Assert.Equal(1, second.WaitForExit());
        Assert.Contains("another dataplane uses it", second.Errors, StringComparison.Ordinal);
        Assert.Equal((first.Id, ProcessState.Running), ((int)_bed.Region.Process.Pid, _bed.State));
        Assert.Equal("", TextBytes.Read(_bed.Region.Process.ErrorText));
        Lan.Forward(_bed, 1000);
        Assert.Equal(0, first.Terminate());
        Assert.Equal(ProcessState.Stopped, _bed.State);
        _bed.StartAndWait();
    }

    [Fact]
    public void AMissingShimIsNamed()
    {
        RefusedWith("FORWARDER_NATIVE", "/nowhere/libforwarder_native.so", "FORWARDER_NATIVE names /nowhere/libforwarder_native.so, which cannot be loaded: ");
        RefusedWith("FORWARDER_NATIVE", "libc.so.6", "libforwarder_native.so has no export fwd_get_layout: it is of another release than this program");
    }

    [Theory]
    [InlineData("layout[0] = 1;", "libforwarder_native.so does not fit this program: abi version is 1, expected ")]
    [InlineData("layout[0] = ABI; layout[1] = 8;", "libforwarder_native.so does not fit this program: sizeof(fwd_layout) is 8, expected 72")]
    public void AShimOfAnotherReleaseIsRefused(string body, string message)
    {
        string source = Path.Combine(_bed.Folder, "shim.c"), library = Path.ChangeExtension(source, ".so");
        File.WriteAllText(source, $"void fwd_get_layout(unsigned int *layout); void fwd_get_layout(unsigned int *layout) {{ {body} }}");
        Shell.Run($"cc -shared -fPIC -DABI={ShimVersion()} -o {library} {source}");
        RefusedWith("FORWARDER_NATIVE", library, message);
    }

    [Fact]
    public void WrongArgumentsAreExplained()
    {
        string program = Repository.Program("dataplane/forwarder-dataplane");
        CommandResult result = Shell.Try($"{program} --nonsense");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("Usage: forwarder-dataplane --config FILE", result.Errors, StringComparison.Ordinal);
        result = Shell.Try($"{program} --config /nowhere/file.json");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("/nowhere/file.json cannot be read", result.Errors, StringComparison.Ordinal);
        result = Shell.Try($"{program} --version");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"region version {RegionHeader.CurrentVersion}", result.Output, StringComparison.Ordinal);
    }

    /// <summary>On a virtual port an idle worker gives way ("auto"): a small machine has other things to do.</summary>
    [Theory]
    [InlineData("auto", 0, 50_000)]
    [InlineData("backoff", 0, 50_000)]
    [InlineData("spin", 100_000, double.MaxValue)]
    public void AnIdleWorkerDoesAsConfigured(string idle, double least, double most)
    {
        _bed.Config.Idle = idle;
        DataplaneProcess dataplane = _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        Stopwatch clock = Stopwatch.StartNew();
        (TimeSpan cpuBefore, ulong before) = (dataplane.CpuTime, _bed.Region.Worker(0).Counters.Turns);
        Thread.Sleep(1_000);
        double turnsPerSecond = (_bed.Region.Worker(0).Counters.Turns - before) / clock.Elapsed.TotalSeconds;
        output.WriteLine($"{idle}: {turnsPerSecond:N0} turns/s, {(dataplane.CpuTime - cpuBefore) / clock.Elapsed:P0} of a CPU");
        Assert.InRange(turnsPerSecond, least, most);
    }

    private static string ShimVersion()
    {
        string header = File.ReadAllText(Path.Combine(Repository.Root, "src/Native/forwarder_native.h"));
        return header.Split("FWD_ABI_VERSION ")[1].Split('u')[0];
    }

    private JsonObject Json() => JsonNode.Parse(JsonSerializer.Serialize(_bed.Config, DataplaneConfigJson.Default.DataplaneConfig))!.AsObject();

    private void Refused(string json, string message, bool inRegion)
    {
        using DataplaneProcess dataplane = _bed.StartWith(json);
        Assert.Equal(1, dataplane.WaitForExit());
        Assert.Contains(message, dataplane.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", dataplane.Errors, StringComparison.Ordinal); // no stack trace
        if (inRegion)
        {
            Assert.Contains(message, TextBytes.Read(_bed.Region.Process.ErrorText), StringComparison.Ordinal);
            Assert.Equal(ProcessState.Failed, _bed.State);
        }
    }

    private void RefusedWith(string variable, string value, string message)
    {
        using DataplaneProcess dataplane = _bed.Start(new() { [variable] = value });
        Assert.Equal(1, dataplane.WaitForExit());
        Assert.Contains(message, dataplane.Errors, StringComparison.Ordinal);
    }
}
