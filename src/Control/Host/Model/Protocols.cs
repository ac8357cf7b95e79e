namespace Forwarder.Control;

/// <summary>Protocols of virtual services, by number and by name in the API.</summary>
public static class Protocols
{
    /// <summary>IP protocol numbers.</summary>
    public const byte Tcp = 6, Udp = 17, Sctp = 132;

    /// <summary>Names, as they are allowed.</summary>
    public const string Allowed = "tcp, udp and sctp";

    /// <summary>Name of a number.</summary>
    public static string NameOf(byte protocol) => protocol switch { Tcp => "tcp", Udp => "udp", _ => "sctp" };

    /// <summary>Number of a name; 0 if it is none.</summary>
    public static byte Parse(ReadOnlySpan<char> name) => name switch { "tcp" => Tcp, "udp" => Udp, "sctp" => Sctp, _ => 0 };
}
