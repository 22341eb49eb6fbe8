// Mercurius on Fastify, with its JIT compiler and its loaders.

import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { computed, many, one, workers } from "./reads.mjs";

const app = Fastify();

/** A loader of the row that a column of the parent names. */
const byColumn = (name, column) => (queries) => one(name, queries.map(({ obj }) => obj[column]));
const listBy = (name, column) => (queries) => many(name, queries.map(({ obj }) => obj[column]));

app.register(mercurius, {
  schema: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
  jit: 1,
  graphiql: false,
  resolvers: {
    ...computed,
    Query: {
      worker: async (_, { id }) => (await one("worker_by_id", [id]))[0],
      workers: async (_, { filter, first }) => ({ nodes: await workers(filter ?? {}, first) }),
      district: async (_, { lgdCode }) => (await one("district_by_lgd_code", [lgdCode]))[0],
    },
  },
  loaders: {
    Worker: {
      district: byColumn("district_by_id", "district_id"),
      provider: byColumn("provider_by_id", "provider_id"),
      verifications: listBy("verifications_by_worker", "id"),
      skills: listBy("skills_by_worker", "id"),
      rating: byColumn("rating_by_subject", "id"),
      async reviews(queries) {
        // `first` may differ between aliases: one read for each that is asked for.
        const lists = new Map();
        for (const [first, group] of Map.groupBy(queries, ({ params }) => params.first)) {
          const found = await many("reviews_by_worker", group.map(({ obj }) => obj.id), first);
          group.forEach((query, index) => lists.set(query, { nodes: found[index] }));
        }
        return queries.map((query) => lists.get(query));
      },
    },
    District: { division: byColumn("division_by_id", "division_id") },
    Provider: { rating: byColumn("rating_by_subject", "id") },
    WorkerSkill: { category: byColumn("category_by_id", "category_id") },
    ServiceCategory: { services: listBy("services_by_category", "id") },
    Service: { category: byColumn("category_by_id", "category_id") },
    Review: {
      worker: byColumn("worker_by_id", "worker_id"),
      booking: byColumn("booking_by_id", "booking_id"),
      reply: byColumn("reply_by_review", "id"),
    },
    ReviewReply: { provider: byColumn("provider_by_id", "provider_id") },
    Booking: {
      category: byColumn("category_by_id", "category_id"),
      services: listBy("services_by_booking", "id"),
    },
  },
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
