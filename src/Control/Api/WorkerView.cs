namespace Forwarder.Api;

/// <summary>A forwarding worker.</summary>
public sealed record WorkerView
{
    /// <summary>Index.</summary>
    public int Index { get; init; }

    /// <summary>CPU.</summary>
    public int Cpu { get; init; }

    /// <summary>Whether its loop runs.</summary>
    public bool Running { get; init; }

    /// <summary>Generation that it uses.</summary>
    public ulong Generation { get; init; }

    /// <summary>Turns of its loop.</summary>
    public ulong Heartbeat { get; init; }

    /// <summary>Flows in its tables.</summary>
    public long Flows { get; init; }

    /// <summary>Entries of its tables.</summary>
    public long FlowCapacity { get; init; }

    /// <summary>Managed bytes allocated since the seal; must be 0.</summary>
    public ulong AllocatedBytes { get; init; }

    /// <summary>Its counters.</summary>
    public IReadOnlyDictionary<string, ulong> Counters { get; init; } = new Dictionary<string, ulong>();

    /// <summary>Packets lost by reason (only reasons that occurred).</summary>
    public IReadOnlyDictionary<string, ulong> Drops { get; init; } = new Dictionary<string, ulong>();
}
