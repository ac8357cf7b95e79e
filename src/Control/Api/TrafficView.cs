namespace Forwarder.Api;

/// <summary>What was counted since the last zeroing, and per second over the last few seconds.</summary>
public sealed record TrafficView
{
    /// <summary>Flows ever scheduled.</summary>
    public long Connections { get; init; }

    /// <summary>Packets from clients.</summary>
    public long Packets { get; init; }

    /// <summary>Bytes from clients, from the IP header on.</summary>
    public long Bytes { get; init; }

    /// <summary>Flows per second.</summary>
    public double ConnectionsPerSecond { get; init; }

    /// <summary>Packets per second.</summary>
    public double PacketsPerSecond { get; init; }

    /// <summary>Bytes per second.</summary>
    public double BytesPerSecond { get; init; }
}
