namespace Forwarder.Api;

/// <summary>What was counted since the last zeroing, and per second over the last few seconds.</summary>
public sealed record TrafficView
{
    /// <summary>Flows ever scheduled.</summary>
    public long Connections { get; set; }

    /// <summary>Packets from clients.</summary>
    public long Packets { get; set; }

    /// <summary>Bytes from clients, from the IP header on.</summary>
    public long Bytes { get; set; }

    /// <summary>Flows per second.</summary>
    public double ConnectionsPerSecond { get; set; }

    /// <summary>Packets per second.</summary>
    public double PacketsPerSecond { get; set; }

    /// <summary>Bytes per second.</summary>
    public double BytesPerSecond { get; set; }
}
