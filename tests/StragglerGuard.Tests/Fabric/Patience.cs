using System.Threading.Channels;

namespace StragglerGuard.Tests.Fabric;

/// <summary>How long a test waits for what must come. It is never waited out where all is well.</summary>
internal static class Patience
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task<T> Next<T>(this ChannelReader<T> reader) => await reader.ReadAsync().AsTask().WaitAsync(Limit);

    public static async Task<List<T>> Next<T>(this ChannelReader<T> reader, int count)
    {
        var read = new List<T>(count);
        while (read.Count < count)
        {
            read.Add(await reader.Next());
        }

        return read;
    }
}
