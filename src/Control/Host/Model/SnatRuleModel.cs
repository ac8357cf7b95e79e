using System.IO.Hashing;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>A validated rule of SNAT.</summary>
/// <param name="Name">Name.</param>
/// <param name="Sources">Where the inside hosts are.</param>
/// <param name="Destinations">Where they may go; null = everywhere that <see cref="Paths"/> do not except.</param>
/// <param name="SourcePool">Name of its pool.</param>
/// <param name="Interface">Index of the interface that packets must come from; null = any.</param>
/// <param name="Paths">The way out for each family of the sources.</param>
public sealed record SnatRuleModel(string Name, IReadOnlyList<IPNetwork> Sources, IReadOnlyList<IPNetwork>? Destinations, string SourcePool, int? Interface, IReadOnlyList<SnatPathModel> Paths)
{
    /// <summary>Time-outs of its flows, where they differ from the director's.</summary>
    public ServiceTimeouts? Timeouts { get; init; }

    /// <summary>
    /// What names the rule's part of a family among services: the protocol 0, which no service has, and in the place of a VIP the hash
    /// of its name and the family. So a control that starts finds the slots of flows in the snapshot, which has no names.
    /// </summary>
    public ServiceKey KeyOf(AddressFamily family)
    {
        byte[] address = new byte[16];
        MemoryMarshal.Write(address, XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(Name)) | 1);
        address[^1] = family == AddressFamily.InterNetwork ? (byte)4 : (byte)6;
        return new ServiceKey(0, new IPAddress(address), 0);
    }

    /// <summary>As <see cref="KeyOf"/>, among servers.</summary>
    public ServerKey ServerKeyOf(AddressFamily family) => new(KeyOf(family), KeyOf(family).Address, 0);
}
