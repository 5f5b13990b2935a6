using System.Text;
using MixedFleet.Data;

namespace MixedFleet.Tests.Model;

/// <summary>A small text to learn.</summary>
internal static class TrainingText
{
    public static TextCorpus Corpus() => Corpus(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 40).Select(
        i => $"Rank {i} computes {i * i} samples, then it waits for rank {(i + 1) % 40}. "))));

    public static TextCorpus Corpus(byte[] bytes)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            return TextCorpus.FromFile(path, contextBytes: 1).Value!;
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static MicroBatch Batch(int samples, int contextBytes, ulong seed)
    {
        MicroBatch batch = new(samples, contextBytes);
        new MicroBatchSampler(Corpus(), seed).Fill(microBatch: 0, batch);
        return batch;
    }
}
