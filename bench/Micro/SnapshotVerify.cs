using BenchmarkDotNet.Attributes;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Micro;

/// <summary>Verifying a snapshot: what the gatekeeper does before workers see it.</summary>
public class SnapshotVerify
{
    private byte[] _snapshot = [];

    /// <summary>Virtual services of 10 servers each, with Maglev tables of their own of 251 entries.</summary>
    [Params(1, 100, 1_000)]
    public int Services { get; set; }

    /// <summary>Writes the snapshot.</summary>
    [GlobalSetup]
    public void Setup()
    {
        ContentBuilder builder = new();
        int lan = builder.Interface(0, address: "198.18.0.1");
        for (int i = 0; i < Services; i++)
        {
            (int, string, int)[] servers = [.. Enumerable.Range(1, 10).Select(s => (lan, $"198.18.1.{s}", 1))];
            builder.Service($"198.19.{i / 200}.{(i % 200) + 1}", 80, 6, Scheduler.Maglev, 251, servers);
        }

        byte[] room = new byte[64 << 20];
        _snapshot = room[..SnapshotWriter.Write(builder.Content, 1, room)];
    }

    /// <summary>Checksum and every index.</summary>
    [Benchmark]
    public SnapshotFault Verify() => SnapshotVerifier.Verify(_snapshot, 1, out _);
}
