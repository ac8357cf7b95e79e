using BenchmarkDotNet.Attributes;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Micro;

/// <summary>The stages over a burst of 32 known flows, ns per packet. The frames stay in the L1 cache: script/bench measures with packets as a port gives them.</summary>
public unsafe class Stages
{
    private const int Packets = Limits.BurstMax;
    private EngineRig _rig = null!;

    /// <summary>4 or 6.</summary>
    [Params(4, 6)]
    public int IpVersion { get; set; }

    /// <summary>Publishes a service with 16 servers and opens 32 flows.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _rig = new EngineRig(65_536);
        ContentBuilder builder = new();
        string lan = IpVersion == 4 ? "198.18.0." : "2001:db8::";
        ushort port = builder.Interface(0, address: lan + "99");
        (int, string, int)[] servers = [.. Enumerable.Range(1, 16).Select(i => ((int)port, $"{lan}{i + 20}", 1))];
        builder.Service(lan + "1", 80, Wire.Udp, Scheduler.Maglev, Limits.MaglevTableSizeDefault, servers);
        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
        byte[][] frames = [.. Enumerable.Range(1, Packets).Select(i => Frames.L4(IpVersion == 4 ? $"10.0.0.{i}" : $"2001:db8:1::{i}", 1000 + i, lan + "1", 80, protocol: Wire.Udp, payloadBytes: IpVersion == 4 ? 18 : 0))];
        _rig.Run(0, frames);
        if (_rig.Counters.ForwardedPackets != Packets)
        {
            throw new InvalidOperationException($"{_rig.Counters.ForwardedPackets} of {Packets} packets were forwarded.");
        }

        Restore();
        Classify.Run(_rig.State, _rig.Burst);
        if (new Span<byte>(_rig.Burst->Verdicts, Packets).ContainsAnyExcept((byte)Verdict.None))
        {
            throw new InvalidOperationException("A packet is decided before Select.");
        }
    }

    /// <summary>Frees the rig.</summary>
    [GlobalCleanup]
    public void Cleanup() => _rig.Dispose();

    /// <summary>Headers to service, key and hash.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void ClassifyStage() { Classify.Run(_rig.State, _rig.Burst); Restore(); }

    /// <summary>Key to server.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void SelectStage() => Select.Run(_rig.State, _rig.Burst);

    /// <summary>Server to MAC addresses and port; includes setting the verdicts back.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void RewriteStage() { Rewrite.Run(_rig.State, _rig.Burst); new Span<byte>(_rig.Burst->Verdicts, Packets).Clear(); Restore(); }

    /// <summary>The destination MAC that the packet came with.</summary>
    private void Restore()
    {
        ulong mac = _rig.State->PortMac[0];
        for (int i = 0; i < Packets; i++)
        {
            ulong* frame = (ulong*)_rig.Burst->Frame[i];
            *frame = (*frame & ~Wire.MacMask) | mac;
        }
    }
}
