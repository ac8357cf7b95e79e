namespace Forwarder.Fuzz.Tests;

/// <summary>A frame as <see cref="FrameRules"/> reads it. Offsets are from the IP header, but for <see cref="L3"/>.</summary>
public sealed class Reading
{
    public FrameKind Kind { get; set; }

    /// <summary>"punt" or a drop reason's name: of a settled frame, or of another that no flow is found for.</summary>
    public string Fate { get; set; } = "";

    /// <summary>Whether it was sent to the group's virtual MAC address: it is ours only while the group is.</summary>
    public bool IsToVirtualMac { get; init; }

    /// <summary>Offset of the IP header in the frame.</summary>
    public int L3 { get; init; }

    /// <summary>The IP packet, with what the Ethernet has padded; bytes without; where the transport header is.</summary>
    public byte[] Ip { get; init; } = [];

    public int Bytes { get; set; }

    public int L4 { get; set; }

    public int Protocol { get; set; }

    /// <summary>TCP flags; of SCTP the type of the chunk that counts.</summary>
    public int Flags { get; set; }

    public bool IsV6 => Ip.Length > 0 && Ip[0] >> 4 == 6;

    /// <summary>Of a request, and of an error to its server.</summary>
    public FuzzService? Service { get; set; }

    /// <summary>The services and servers that a reply or an error may belong to.</summary>
    public (FuzzService Service, FuzzServer Server)[] Behind { get; set; } = [];

    /// <summary>Of a fragment what names its datagram; else null.</summary>
    public string? Datagram { get; set; }

    /// <summary>Where a fragment begins in its datagram, its bytes, and whether others come behind it.</summary>
    public int FragmentOffset { get; set; }

    public int FragmentBytes { get; set; }

    public bool MoreFragments { get; set; }

    /// <summary>Address and port of the client.</summary>
    public string Client { get; set; } = "";
}
