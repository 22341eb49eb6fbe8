// GraphQL Yoga on node:http with DataLoader. Its cache of parsed and validated documents is on by
// default.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import DataLoader from "dataloader";
import { createSchema, createYoga } from "graphql-yoga";
import { computed, many, one, workers } from "./reads.mjs";

const ONE = [
  "worker_by_id", "district_by_lgd_code", "district_by_id", "division_by_id", "provider_by_id",
  "category_by_id", "rating_by_subject", "reply_by_review", "booking_by_id",
];

/** The loaders of one request, each made when it is first asked for. */
class Loaders {
  #made = new Map();

  #loader(name, read) {
    if (!this.#made.has(name)) this.#made.set(name, new DataLoader(read));
    return this.#made.get(name);
  }

  load(name, key) {
    if (key === null) return null;
    const read = ONE.includes(name) ? one : many;
    return this.#loader(name, (keys) => read(name, keys)).load(key);
  }

  reviews(id, first) {
    const read = (keys) => many("reviews_by_worker", keys, first);
    return this.#loader(`reviews ${first}`, read).load(id);
  }
}

const byColumn = (name, column) => (row, _, { loaders }) => loaders.load(name, row[column]);

const yoga = createYoga({
  graphiql: false,
  logging: false,
  context: () => ({ loaders: new Loaders() }),
  schema: createSchema({
    typeDefs: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
    resolvers: {
      Query: {
        worker: (_, { id }, { loaders }) => loaders.load("worker_by_id", id),
        workers: async (_, { filter, first }) => ({ nodes: await workers(filter ?? {}, first) }),
        district: (_, { lgdCode }, { loaders }) => loaders.load("district_by_lgd_code", lgdCode),
      },
      Worker: {
        ...computed.Worker,
        district: byColumn("district_by_id", "district_id"),
        provider: byColumn("provider_by_id", "provider_id"),
        verifications: byColumn("verifications_by_worker", "id"),
        skills: byColumn("skills_by_worker", "id"),
        rating: byColumn("rating_by_subject", "id"),
        reviews: async (row, { first }, { loaders }) => ({
          nodes: await loaders.reviews(row.id, first),
        }),
      },
      District: { ...computed.District, division: byColumn("division_by_id", "division_id") },
      Division: computed.Division,
      Provider: { ...computed.Provider, rating: byColumn("rating_by_subject", "id") },
      WorkerSkill: { ...computed.WorkerSkill, category: byColumn("category_by_id", "category_id") },
      ServiceCategory: {
        ...computed.ServiceCategory,
        services: byColumn("services_by_category", "id"),
      },
      Service: { ...computed.Service, category: byColumn("category_by_id", "category_id") },
      RatingSummary: computed.RatingSummary,
      Review: {
        ...computed.Review,
        worker: byColumn("worker_by_id", "worker_id"),
        booking: byColumn("booking_by_id", "booking_id"),
        reply: byColumn("reply_by_review", "id"),
      },
      ReviewReply: { provider: byColumn("provider_by_id", "provider_id") },
      Booking: {
        ...computed.Booking,
        category: byColumn("category_by_id", "category_id"),
        services: byColumn("services_by_booking", "id"),
      },
    },
  }),
});

createServer(yoga).listen(Number(process.env.PORT), "127.0.0.1");
