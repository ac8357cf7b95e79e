using System.Runtime.CompilerServices;

namespace Forwarder.Abi;

/// <summary>A name of up to <see cref="Limits.NameBytesMax"/> bytes, UTF-8, zero-terminated where shorter.</summary>
[InlineArray(Limits.NameBytesMax)]
public struct NameBytes
{
    private byte _element0;
}
