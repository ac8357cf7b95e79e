using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>A validated kind of tunnel.</summary>
/// <param name="Encapsulation">What is between the outer header and the packet.</param>
/// <param name="Port">Destination port of GUE's datagrams, else 0.</param>
/// <param name="Checksum">Whether there is a checksum.</param>
public sealed record TunnelModel(Encapsulation Encapsulation, int Port, bool Checksum)
{
    /// <summary>The kind of tunnel without settings.</summary>
    public static TunnelModel Ipip { get; } = new(Encapsulation.Ipip, 0, false);

    /// <summary>Settings as the API shows them; IPIP has none.</summary>
    public TunnelSettings? Settings => Encapsulation == Encapsulation.Ipip ? null
        : new TunnelSettings { Type = Encapsulation == Encapsulation.Gue ? "gue" : "gre", Port = Port == 0 ? null : Port, Checksum = Checksum };

    /// <summary>Bytes that it adds to a packet.</summary>
    public int OuterBytes(IPAddress server) => TargetEntry.OuterBytes((byte)(server.AddressFamily == AddressFamily.InterNetwork ? 4 : 6), Encapsulation, Checksum);

    /// <summary>Checks a real server's settings; null = no tunnel.</summary>
    /// <exception cref="ApiException">422 with the field at fault.</exception>
    public static TunnelModel? Of(TunnelSettings? settings, ForwardingMethod method, string at)
    {
        if (method != ForwardingMethod.Tunnel)
        {
            return settings == null ? null : throw ApiException.Invalid(at, "Only the method tunnel has a kind of tunnel.");
        }

        return settings?.Type switch
        {
            null or "ipip" when settings is { Port: not null } => throw ApiException.Invalid($"{at}/port", "A tunnel of type ipip has no port; only gue has."),
            null or "ipip" when settings is { Checksum: true } => throw ApiException.Invalid($"{at}/checksum", "A tunnel of type ipip has no checksum; gue and gre may have."),
            null or "ipip" => Ipip,
            "gue" when settings.Port is not (> 0 and <= ushort.MaxValue) => throw ApiException.Invalid($"{at}/port", $"A tunnel of type gue needs a port from 1 to 65535 (ipvsadm --tun-port); {settings.Port?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"} is given."),
            "gue" => new TunnelModel(Encapsulation.Gue, settings.Port.Value, settings.Checksum == true),
            "gre" when settings.Port != null => throw ApiException.Invalid($"{at}/port", "A tunnel of type gre has no port; only gue has."),
            "gre" => new TunnelModel(Encapsulation.Gre, 0, settings.Checksum == true),
            _ => throw ApiException.Invalid($"{at}/type", $"\"{settings.Type}\" is not a type of tunnel; allowed are ipip, gue and gre."),
        };
    }
}
