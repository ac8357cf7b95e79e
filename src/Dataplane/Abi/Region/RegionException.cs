namespace Forwarder.Abi;

/// <summary>The region's file cannot be used; the message says what was found and what was expected.</summary>
public sealed class RegionException : Exception
{
    /// <summary>With a message.</summary>
    public RegionException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and its cause.</summary>
    public RegionException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Without a message.</summary>
    public RegionException()
    {
    }
}
