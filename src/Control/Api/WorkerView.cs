namespace Forwarder.Api;

/// <summary>A forwarding worker.</summary>
public sealed record WorkerView
{
    /// <summary>Index.</summary>
    public int Index { get; set; }

    /// <summary>CPU.</summary>
    public int Cpu { get; set; }

    /// <summary>Whether its loop runs.</summary>
    public bool Running { get; set; }

    /// <summary>Generation that it uses.</summary>
    public ulong Generation { get; set; }

    /// <summary>Turns of its loop.</summary>
    public ulong Heartbeat { get; set; }

    /// <summary>Flows in its tables.</summary>
    public long Flows { get; set; }

    /// <summary>Entries of its tables.</summary>
    public long FlowCapacity { get; set; }

    /// <summary>Managed bytes allocated since the seal; must be 0.</summary>
    public ulong AllocatedBytes { get; set; }

    /// <summary>Its counters.</summary>
    public IReadOnlyDictionary<string, ulong> Counters { get; set; } = new Dictionary<string, ulong>();

    /// <summary>Packets lost by reason (only reasons that occurred).</summary>
    public IReadOnlyDictionary<string, ulong> Drops { get; set; } = new Dictionary<string, ulong>();
}
