namespace Forwarder.Vrrp;

/// <summary>An advertisement to be sent.</summary>
/// <param name="Version">2 or 3.</param>
/// <param name="Vrid">1 to 255.</param>
/// <param name="Priority">0 resigns, 255 is the address owner.</param>
/// <param name="IntervalCs">Advertisement interval in centiseconds; version 2 sends it rounded up to seconds.</param>
/// <param name="Addresses">1 to 255 addresses of one family.</param>
/// <param name="AuthType">Version 2 only.</param>
/// <param name="AuthData">Version 2 only: up to 8 bytes, padded with zeros.</param>
public readonly record struct VrrpAdvert(
    VrrpVersion Version,
    byte Vrid,
    byte Priority,
    int IntervalCs,
    IReadOnlyList<VrrpAddress> Addresses,
    VrrpAuthType AuthType = VrrpAuthType.None,
    ReadOnlyMemory<byte> AuthData = default);
