using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Tells every interface where the VIPs are, so that switches and neighbours forget an old place (gratuitous ARP, RFC 5227
/// section 3; unsolicited advertisement, RFC 4861 section 7.2.6). A few at a time: they share a ring and mbufs with forwarding.
/// </summary>
internal sealed unsafe class Announcements(NeighbourMessages messages, ulong[] portMacs)
{
    /// <summary>Messages per tick of a few milliseconds, and table entries looked at for them.</summary>
    private const int MessagesPerTick = 32, EntriesPerTick = 8_192;

    private SnapshotView _view;
    private long _dueMs;
    private int _roundsLeft, _interface, _entry;

    /// <summary>Starts anew if the set of VIPs or of interfaces is another.</summary>
    public void SetSnapshot(in SnapshotView view, long nowMs)
    {
        bool changed = Fingerprint(view) != Fingerprint(_view);
        _view = view;
        if (changed || _interface >= view.InterfaceCount)
        {
            (_roundsLeft, _interface, _entry, _dueMs) = (changed ? SlowPath.AnnouncementCount : _roundsLeft, 0, 0, nowMs);
        }
    }

    /// <summary>Sends the next few that are due.</summary>
    public void Tick(long nowMs)
    {
        int sent = 0;
        for (int n = 0; n < EntriesPerTick && sent < MessagesPerTick && _roundsLeft > 0 && _dueMs <= nowMs; n++)
        {
            sent += Announce() ? 1 : 0;
            Step(nowMs);
        }
    }

    private void Step(long nowMs)
    {
        if (++_entry < (1 << _view.LocalAddresses4Log2) + (1 << _view.LocalAddresses6Log2))
        {
            return;
        }

        _entry = 0;
        if (++_interface >= _view.InterfaceCount)
        {
            _interface = 0;
            _roundsLeft--;
            _dueMs = nowMs + SlowPath.AnnouncementIntervalMs;
        }
    }

    private bool Announce()
    {
        if (_view.InterfaceCount == 0 || _view.Interfaces[_interface].Valid == 0)
        {
            return false;
        }

        InterfaceEntry entry = _view.Interfaces[_interface];
        int count4 = 1 << _view.LocalAddresses4Log2;
        if (_entry < count4)
        {
            LocalAddress4Entry vip = _view.LocalAddresses4[_entry];
            if (vip.Kind != LocalAddressKind.Vip)
            {
                return false;
            }

            messages.SendGratuitousArp(entry, portMacs[entry.Port], vip.Address);
            return true;
        }

        LocalAddress6Entry vip6 = _view.LocalAddresses6[_entry - count4];
        if (vip6.Kind != LocalAddressKind.Vip)
        {
            return false;
        }

        messages.SendAdvertisement(entry, portMacs[entry.Port], vip6.High, vip6.Low);
        return true;
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
            sum += view.LocalAddresses4[a].Kind == LocalAddressKind.Vip ? Hashes.Mix64(view.LocalAddresses4[a].Address + 1UL) : 0;
        }

        for (int a = 0; a < 1 << view.LocalAddresses6Log2; a++)
        {
            sum += view.LocalAddresses6[a].Kind == LocalAddressKind.Vip ? Hashes.Mix64(Hashes.Fold(view.LocalAddresses6[a].High, view.LocalAddresses6[a].Low, 1)) : 0;
        }

        return sum;
    }
}
