namespace Forwarder.Vrrp;

/// <summary>
/// Sorts the VRRP packets of one interface (port and VLAN) to its instances by VRID and family, and counts what none of
/// them may act upon.
/// </summary>
public sealed class VrrpReceiver
{
    public const int NoInstance = -1;

    private readonly Dictionary<(byte Vrid, bool IsIPv6), int> _indexByVrid = [];
    private readonly VrrpConfig[] _configs;
    private readonly long[] _errors = new long[Enum.GetValues<VrrpDecodeError>().Length];

    /// <summary>VRIDs must be distinct within a family.</summary>
    public VrrpReceiver(IReadOnlyList<VrrpConfig> configs)
    {
        ArgumentNullException.ThrowIfNull(configs);
        _configs = [.. configs];
        for (int i = 0; i < _configs.Length; i++)
        {
            _indexByVrid.Add((_configs[i].Vrid, _configs[i].IsIPv6), i);
        }
    }

    /// <summary>Packets that ended with this answer, for the whole interface.</summary>
    public long Count(VrrpDecodeError error) => _errors[(int)error];

    /// <summary>Takes an IP packet from the wire. Never throws, whatever the bytes.</summary>
    public VrrpReceived Receive(ReadOnlySpan<byte> packet)
    {
        VrrpDecodeError error = VrrpIpPacket.Parse(packet, out VrrpDatagram datagram);
        VrrpReceived received = error == VrrpDecodeError.None
            ? Sort(datagram)
            : new VrrpReceived(error, NoInstance, default, default);
        _errors[(int)received.Error]++;
        return received;
    }

    private VrrpReceived Sort(in VrrpDatagram datagram)
    {
        // The VRID is looked at before the checksum only to know which form of checksum is configured.
        // A message too short to have one reads as VRID 0, which no instance has.
        bool known = _indexByVrid.TryGetValue((PeekVrid(datagram), datagram.Source.IsIPv6), out int index);
        VrrpChecksumForm form = known ? _configs[index].ChecksumForm : default;
        byte minTtl = known ? _configs[index].MinTtl : VrrpLimits.Ttl;
        VrrpDecodeError error = VrrpCodec.Decode(datagram, form, minTtl, out VrrpAdvertView advert);
        if (!known && error is (VrrpDecodeError.None or VrrpDecodeError.ChecksumFormMismatch))
        {
            error = VrrpDecodeError.BadVrid; // RFC 9568 section 7.1: after TTL, version, type, length and checksum, of which either form is right here
        }

        if (error == VrrpDecodeError.None)
        {
            error = VrrpAdvertCheck.Check(datagram, advert, _configs[index]);
        }

        VrrpEvent received = error == VrrpDecodeError.None
            ? VrrpEvent.AdvertReceived(advert.Version, advert.Priority, advert.IntervalCs, datagram.Source)
            : default;
        return new VrrpReceived(error, known ? index : NoInstance, datagram.Source, received);
    }

    private static byte PeekVrid(in VrrpDatagram datagram) => datagram.Message.Length > 1 ? datagram.Message[1] : (byte)0;
}
