using System.Security.Cryptography;

namespace Forwarder.Vrrp;

/// <summary>The checks of RFC 9568 section 7.1 and RFC 3768 section 7.1 that need the instance's configuration.</summary>
public static class VrrpAdvertCheck
{
    public static VrrpDecodeError Check(in VrrpDatagram datagram, in VrrpAdvertView advert, VrrpConfig config)
    {
        VrrpDecodeError error = CheckPath(datagram, config);
        if (error == VrrpDecodeError.None)
        {
            error = CheckVersion(advert, config);
        }

        if (error == VrrpDecodeError.None && advert.Version == VrrpVersion.V2)
        {
            error = CheckAuthentication(advert, config);
        }

        if (error == VrrpDecodeError.None)
        {
            error = CheckInterval(advert, config);
        }

        if (error == VrrpDecodeError.None && config.CheckAddressList)
        {
            error = CheckAddressList(advert, config);
        }

        return error;
    }

    private static VrrpDecodeError CheckPath(in VrrpDatagram datagram, VrrpConfig config)
    {
        bool unicast = config.UnicastPeers.Count != 0;
        VrrpAddress expected = unicast ? config.PrimaryAddress : VrrpAddress.Group(config.IsIPv6);
        if (datagram.Destination != expected)
        {
            return VrrpDecodeError.BadDestination;
        }

        return unicast && !config.UnicastPeers.Contains(datagram.Source)
            ? VrrpDecodeError.UnknownPeer
            : VrrpDecodeError.None;
    }

    private static VrrpDecodeError CheckVersion(in VrrpAdvertView advert, VrrpConfig config)
    {
        bool alsoGood = config.AlsoVersion2 && advert.Version == VrrpVersion.V2;
        return advert.Version == config.Version || alsoGood ? VrrpDecodeError.None : VrrpDecodeError.VersionMismatch;
    }

    private static VrrpDecodeError CheckAuthentication(in VrrpAdvertView advert, VrrpConfig config)
    {
        if (advert.AuthType > (byte)VrrpAuthType.AuthenticationHeader)
        {
            return VrrpDecodeError.InvalidAuthType;
        }

        if (advert.AuthType != (byte)config.AuthType)
        {
            return VrrpDecodeError.AuthTypeMismatch;
        }

        if (config.AuthType == VrrpAuthType.None)
        {
            return VrrpDecodeError.None; // RFC 2338 section 5.3.6.1: the data is ignored
        }

        Span<byte> expected = stackalloc byte[VrrpLimits.AuthBytes];
        expected.Clear();
        config.AuthData.Span.CopyTo(expected);
        return CryptographicOperations.FixedTimeEquals(expected, advert.AuthData)
            ? VrrpDecodeError.None
            : VrrpDecodeError.AuthFailure;
    }

    private static VrrpDecodeError CheckInterval(in VrrpAdvertView advert, VrrpConfig config)
    {
        // Zero would make a backup take over at once.
        if (advert.IntervalCs == 0)
        {
            return VrrpDecodeError.IntervalMismatch;
        }

        bool learned = config.Version == VrrpVersion.V3 || config.LearnInterval;
        return learned || advert.IntervalCs == config.IntervalCs ? VrrpDecodeError.None : VrrpDecodeError.IntervalMismatch;
    }

    private static VrrpDecodeError CheckAddressList(in VrrpAdvertView advert, VrrpConfig config)
    {
        if (advert.AddressCount != config.Addresses.Count)
        {
            return VrrpDecodeError.AddressListMismatch;
        }

        // The order carries no meaning. Configured addresses are distinct, so equal counts and all of ours being there
        // make the lists equal.
        for (int i = 0; i < config.Addresses.Count; i++)
        {
            if (!Carries(advert, config.Addresses[i], i))
            {
                return VrrpDecodeError.AddressListMismatch;
            }
        }

        return VrrpDecodeError.None;
    }

    private static bool Carries(in VrrpAdvertView advert, VrrpAddress address, int likelyIndex)
    {
        if (advert.Address(likelyIndex) == address)
        {
            return true;
        }

        for (int i = 0; i < advert.AddressCount; i++)
        {
            if (advert.Address(i) == address)
            {
                return true;
            }
        }

        return false;
    }
}
