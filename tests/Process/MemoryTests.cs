using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Process.Tests;

/// <summary>With hugepages and without, as root and without any privilege.</summary>
public sealed class MemoryTests : IDisposable
{
    private const uint Nobody = 65_534;
    private const string Hugetlbfs = "/dev/hugepages", Runtime = "/var/run/dpdk";
    private readonly Bed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void WithoutHugepagesNothingIsLeftBehindAfterKill()
    {
        _bed.Config.Hugepages = "never";
        DataplaneProcess dataplane = _bed.StartAndWait();
        Assert.Equal(0u, _bed.Region.Process.Hugepages);
        dataplane.Kill();
        AssertNothingLeft();
    }

    [HugepagesFact]
    public void WithHugepagesNothingIsLeftBehindAfterKill()
    {
        using HugepagesFactAttribute.Reservation reservation = new();
        _bed.Config.Hugepages = "required";
        DataplaneProcess dataplane = _bed.StartAndWait();
        Assert.Equal(1u, _bed.Region.Process.Hugepages);
        _bed.Publish(Lan.Content());
        Lan.Forward(_bed, 1000);
        dataplane.Kill();
        AssertNothingLeft();
    }

    [HugepagesFact]
    public void AutoTakesHugepagesWhereTheyAre()
    {
        using HugepagesFactAttribute.Reservation reservation = new();
        _bed.Config.Hugepages = "auto";
        _bed.StartAndWait();
        Assert.Equal(1u, _bed.Region.Process.Hugepages);
    }

    [Fact]
    public void RequiredHugepagesThatAreNotThereAreAClearError()
    {
        _bed.Config = _bed.Config with { MemoryMiB = 1 << 20, Hugepages = "required" };
        DataplaneProcess dataplane = _bed.Start();
        Assert.Equal(1, dataplane.WaitForExit());
        Assert.Contains("hugepages is \"required\", memoryMiB 1048576 are needed and ", dataplane.Errors, StringComparison.Ordinal);
        Assert.Contains("reserve more (sysctl vm.nr_hugepages) or say \"auto\"", dataplane.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net_null0")]
    [InlineData("net_ring0")]
    [InlineData("net_memif0,role=server,socket=@forwarder-test,socket-abstract=yes")]
    public void RunsWithoutPrivilegeWhereThePortAllowsIt(string device)
    {
        GiveToNobody();
        _bed.Config = _bed.Config with { Ports = [_bed.Config.Ports[0] with { Device = device, RxDescriptors = 256, TxDescriptors = 256 }] };
        DataplaneProcess dataplane = _bed.Start(Environment(), ["setpriv", "--reuid", $"{Nobody}", "--regid", $"{Nobody}", "--clear-groups"]);
        _bed.WaitForRunning(dataplane);
        Assert.Contains($"Uid:\t{Nobody}\t{Nobody}", File.ReadAllText($"/proc/{dataplane.Id}/status"), StringComparison.Ordinal);
        _bed.Publish(Lan.Content());
        Assert.Equal(0, dataplane.Terminate());
    }

    /// <summary>A user namespace of nobody's: af_packet on a veth pair, and an exception port.</summary>
    [Fact]
    public void ForwardsInAUserNamespaceWithoutRoot()
    {
        const string Script = """
            mount -t tmpfs none /run && mkdir -p /run/dpdk &&
            ip link add dp address 02:00:00:00:00:01 type veth peer name wire && ip link set dp up && ip link set wire up && exec "$0" "$@"
            """;
        GiveToNobody();
        _bed.Config = _bed.Config with { Ports = [_bed.Config.Ports[0] with { Exception = "exc0" }] };
        DataplaneProcess dataplane = _bed.Start(
            Environment(),
            ["setpriv", "--reuid", $"{Nobody}", "--regid", $"{Nobody}", "--clear-groups", "unshare", "-Urnm", "sh", "-c", Script]);
        _bed.WaitForRunning(dataplane);
        Assert.Contains($"Uid:\t{Nobody}\t{Nobody}", File.ReadAllText($"/proc/{dataplane.Id}/status"), StringComparison.Ordinal);
        _bed.Publish(Lan.Content());
        using PacketSocket wire = new($"/proc/{dataplane.Id}/ns/net", "wire"), tap = new($"/proc/{dataplane.Id}/ns/net", "exc0");
        byte[] segment = Lan.Segment(1000);
        wire.Send(segment);
        byte[] received = wire.Receive(f => Lan.IsSegment(f, 1000), "the segment", f => Lan.AnswerArp(wire, f));
        Assert.Equal(segment[12..], received[12..]);
        byte[] lldp = [.. segment];
        (lldp[12], lldp[13]) = (0x88, 0xCC);
        wire.Send(lldp);
        tap.Receive(f => f.AsSpan().SequenceEqual(lldp), "the frame for the host");
        Assert.Equal(0, dataplane.Terminate());
    }

    [Fact]
    public void APortThatNeedsPrivilegeSaysSo()
    {
        GiveToNobody();
        DataplaneProcess dataplane = _bed.Start(Environment(), ["ip", "netns", "exec", _bed.Netns, "setpriv", "--reuid", $"{Nobody}", "--regid", $"{Nobody}", "--clear-groups"]);
        Assert.Equal(1, dataplane.WaitForExit());
        Assert.Contains("ports[0] (lan).device: DPDK has made no port of net_af_packet0,iface=dp", dataplane.Errors, StringComparison.Ordinal);
        Assert.True(dataplane.Errors.Contains("Could not open AF_PACKET socket", StringComparison.Ordinal), dataplane.Errors);
    }

    private Dictionary<string, string> Environment() => new() { ["XDG_RUNTIME_DIR"] = _bed.Folder };

    private void GiveToNobody() => Shell.Run($"chown -R {Nobody}:{Nobody} {_bed.Folder}");

    private void AssertNothingLeft()
    {
        Assert.Empty(Directory.Exists(Hugetlbfs) ? Directory.GetFileSystemEntries(Hugetlbfs, $"*{_bed.Netns}*") : []);
        Assert.Empty(Directory.Exists(Runtime) ? Directory.GetFileSystemEntries(Runtime, $"*{_bed.Netns}*") : []);
    }
}
