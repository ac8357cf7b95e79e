using BenchmarkDotNet.Attributes;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Micro;

/// <summary>All stages over a burst of 32 packets of inside hosts whose rule has many prefixes, ns per packet: of known flows, and of hosts that no rule takes.</summary>
public unsafe class SnatSelect
{
    private const int Packets = Limits.BurstMax;
    private EngineRig _rig = null!;
    private byte[][] _known = null!, _foreign = null!;

    /// <summary>Rules, and source prefixes of each; the last one takes the packets.</summary>
    [Params("1x1", "1x100", "1x10000", "250x1")]
    public string Rules { get; set; } = "";

    /// <summary>4 or 6.</summary>
    [Params(4, 6)]
    public int IpVersion { get; set; }

    /// <summary>Publishes the rules and opens 32 flows.</summary>
    [GlobalSetup]
    public void Setup()
    {
        int[] numbers = [.. Rules.Split('x').Select(int.Parse)];
        bool v6 = IpVersion == 6;
        _rig = new EngineRig(65_536);
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "172.16.0.1");
        (uint, uint) pool = builder.Pool(v6 ? "fd18::200" : "192.0.2.200");
        for (int rule = 1; rule <= numbers[0]; rule++)
        {
            string[] sources = [.. Enumerable.Range(0, numbers[1]).Select(n => (rule * numbers[1]) + n).Select(n => v6 ? $"fd17:0:{n:x}::/48" : $"10.{n >> 7}.{(n & 0x7F) * 2}.0/24")];
            sources[^1] = rule == numbers[0] ? v6 ? "fd99::/64" : "172.17.0.0/24" : sources[^1];
            builder.Snat(lan, v6 ? "fd18::fe" : "192.0.2.254", pool, sources);
        }

        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
        _known = Frames32(v6 ? "fd99::" : "172.17.0.", v6);
        _foreign = Frames32(v6 ? "fd98::" : "172.18.0.", v6);
        Known();
        if (_rig.Counters.ForwardedPackets != Packets)
        {
            throw new InvalidOperationException($"{_rig.Counters.ForwardedPackets} of {Packets} packets were forwarded.");
        }
    }

    /// <summary>Frees the rig.</summary>
    [GlobalCleanup]
    public void Cleanup() => _rig.Dispose();

    /// <summary>Packets of flows.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void Known() => _rig.Run(0, _known);

    /// <summary>Packets that go to the host.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void NotCovered() => _rig.Run(0, _foreign);

    private static byte[][] Frames32(string from, bool v6) => [.. Enumerable.Range(1, Packets).Select(i => Frames.L4($"{from}{i}", 1000 + i, v6 ? "2001:db8::9" : "198.51.100.9", 80, protocol: Wire.Udp, payloadBytes: 18))];
}
