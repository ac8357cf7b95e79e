namespace Forwarder.Vrrp;

/// <summary>What became of a received packet.</summary>
/// <param name="Error"><see cref="VrrpDecodeError.None"/> when <paramref name="Event"/> is to be handled.</param>
/// <param name="Instance">Index of the instance concerned, or -1 where the packet does not say so credibly.</param>
/// <param name="Source">Its source address, where it is an IP packet.</param>
/// <param name="Event">The advertisement, as an event.</param>
public readonly record struct VrrpReceived(VrrpDecodeError Error, int Instance, VrrpAddress Source, VrrpEvent Event);
