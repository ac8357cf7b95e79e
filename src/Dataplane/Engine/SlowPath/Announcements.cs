using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Tells every interface where the VIPs are, so that switches and neighbours forget an old place (gratuitous ARP, RFC 5227
/// section 3; unsolicited advertisement, RFC 4861 section 7.2.6), and reports the multicast groups of the IPv6 addresses.
/// A few at a time: they share a ring and mbufs with forwarding.
/// </summary>
internal sealed unsafe class Announcements(NeighbourMessages messages, MulticastMembership membership, ulong[] portMacs)
{
    /// <summary>Messages per tick of a few milliseconds, and table entries looked at for them.</summary>
    private const int MessagesPerTick = 32, EntriesPerTick = 8_192;

    private SnapshotView _view;
    private long _dueMs;
    private int _roundsLeft, _interface, _entry;
    private bool _onlyReports, _hasIpv6;

    /// <summary>Starts anew if the set of VIPs or of interfaces is another.</summary>
    public void SetSnapshot(in SnapshotView view, long nowMs)
    {
        bool changed = Fingerprint(view) != Fingerprint(_view);
        _view = view;
        _hasIpv6 = HasIpv6(view);
        if (changed || _interface >= view.InterfaceCount)
        {
            (_roundsLeft, _interface, _entry, _dueMs) = (changed ? SlowPath.AnnouncementCount : _roundsLeft, 0, 0, nowMs);
            _onlyReports &= !changed;
        }
    }

    /// <summary>A router asks who is in which group: one round of reports, unless one is under way.</summary>
    public void ReportGroups(long nowMs)
    {
        if (_roundsLeft == 0)
        {
            (_roundsLeft, _onlyReports, _interface, _entry, _dueMs) = (1, true, 0, 0, nowMs);
        }
    }

    /// <summary>Sends the next few that are due.</summary>
    public void Tick(long nowMs)
    {
        int sent = 0;
        for (int n = 0; n < EntriesPerTick && sent < MessagesPerTick && _roundsLeft > 0 && _dueMs <= nowMs; n++)
        {
            sent += Announce();
            Step(nowMs);
        }
    }

    private void Step(long nowMs)
    {
        if (++_entry < LinkLocalEntry + 1)
        {
            return;
        }

        _entry = 0;
        if (++_interface >= _view.InterfaceCount)
        {
            _interface = 0;
            _roundsLeft--;
            _onlyReports &= _roundsLeft != 0;
            _dueMs = nowMs + SlowPath.AnnouncementIntervalMs;
        }
    }

    /// <summary>After the entries of both tables comes the interface's link-local address.</summary>
    private int LinkLocalEntry => (1 << _view.LocalAddresses4Log2) + (1 << _view.LocalAddresses6Log2);

    /// <summary>Announces one entry on one interface; returns how many messages that took.</summary>
    private int Announce()
    {
        if (_view.InterfaceCount == 0 || _view.Interfaces[_interface].Valid == 0)
        {
            return 0;
        }

        InterfaceEntry entry = _view.Interfaces[_interface];
        int count4 = 1 << _view.LocalAddresses4Log2;
        if (_entry < count4)
        {
            return Announce4(entry, _view.LocalAddresses4[_entry]);
        }

        if (_entry < LinkLocalEntry)
        {
            return Announce6(entry, _view.LocalAddresses6[_entry - count4]);
        }

        return !_hasIpv6 ? 0 : Report(entry, NeighbourMessages.LinkLocalLow(portMacs[entry.Port]));
    }

    private int Announce4(in InterfaceEntry entry, in LocalAddress4Entry address)
    {
        if (!address.IsVirtual || address.VrrpGroup != 0 || _onlyReports) // a group's owner announces its VIPs
        {
            return 0;
        }

        messages.SendGratuitousArp(entry, portMacs[entry.Port], address.Address);
        return 1;
    }

    private int Announce6(in InterfaceEntry entry, in LocalAddress6Entry address)
    {
        bool isHere = address.Interface == LocalAddress4Entry.AnyInterface || address.Interface == _interface;
        if (address.Kind == LocalAddressKind.None || !isHere)
        {
            return 0;
        }

        int sent = Report(entry, address.Low);
        if (address.IsVirtual && address.VrrpGroup == 0 && !_onlyReports)
        {
            messages.SendAdvertisement(entry, portMacs[entry.Port], address.High, address.Low);
            sent++;
        }

        return sent;
    }

    private int Report(in InterfaceEntry entry, ulong low)
    {
        membership.Send(entry, portMacs[entry.Port], low);
        return 1;
    }

    private static bool HasIpv6(in SnapshotView view)
    {
        for (int a = 0; a < 1 << view.LocalAddresses6Log2; a++)
        {
            if (view.LocalAddresses6[a].Kind != LocalAddressKind.None)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Differs when the set of VIPs or of interfaces does.</summary>
    private static ulong Fingerprint(in SnapshotView view)
    {
        if (view.Header == null)
        {
            return 0;
        }

        ulong sum = (ulong)view.InterfaceCount;
        for (int a = 0; a < 1 << view.LocalAddresses4Log2; a++)
        {
            sum += view.LocalAddresses4[a].IsVirtual ? Hashes.Mix64(view.LocalAddresses4[a].Address + 1UL) : 0;
        }

        for (int a = 0; a < 1 << view.LocalAddresses6Log2; a++)
        {
            sum += view.LocalAddresses6[a].IsVirtual ? Hashes.Mix64(Hashes.Fold(view.LocalAddresses6[a].High, view.LocalAddresses6[a].Low, 1)) : 0;
        }

        return sum;
    }
}
